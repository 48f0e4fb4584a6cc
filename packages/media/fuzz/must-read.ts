/** A second reading, of what was written of the first: it must succeed, so a MediaError of it does not reject the input. */
export function mustRead<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Error(`what was written is not read: ${String(error)}`, { cause: error });
  }
}

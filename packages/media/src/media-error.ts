/**
 * What every parser of this package throws on input that it cannot read, and every writer on values that its format
 * cannot hold. Any other exception that leaves this package is a bug.
 */
export class MediaError extends Error {
  /** stable, snake_case, such as `box_truncated` */
  readonly code: string;
  /** of the offending byte in the input as the caller counts it; from a writer, in its output */
  readonly offset: number;
  /** the message without code and offset */
  readonly reason: string;

  constructor(code: string, offset: number, reason: string) {
    super(`${reason} (${code} at byte ${offset})`);
    this.name = 'MediaError';
    this.code = code;
    this.offset = offset;
    this.reason = reason;
  }
}

/** Runs a parser over a piece of a larger input that starts at `base`: its errors come out with offsets into the whole. */
export function withBase<T>(base: number, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
    throw new MediaError(error.code, error.offset + base, error.reason);
  }
}

/** What a command answers: JSON for programs, text for people. */

/** Prints a value, as JSON when that was asked for. */
export function print(value: unknown, options: { readonly json?: boolean }, asText: () => string): void {
  console.log(options.json === true ? JSON.stringify(value, null, 2) : asText());
}

/** The same for a command of which people need to hear nothing when it was done. */
export function printDone(value: unknown, options: { readonly json?: boolean }): void {
  if (options.json === true) console.log(JSON.stringify(value, null, 2));
}

/** What a command answers: JSON for programs, text for people. */

/** Prints a value, as JSON when that was asked for. */
export function print(value: unknown, options: { readonly json?: boolean }, asText: () => string): void {
  console.log(options.json === true ? JSON.stringify(value, null, 2) : asText());
}

/** The viewer's wall clock, in ms since 1970. The only place in the browser that reads it. */
export function nowMs(): number {
  return Date.now();
}

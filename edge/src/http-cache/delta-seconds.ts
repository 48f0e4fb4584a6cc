/** RFC 9111 §1.2.2: what does not fit is this, and stays so in arithmetic. */
export const MAX_DELTA_S = 2 ** 31;

const DIGITS = /^\d+$/;

/** A count of seconds; null where the text is none. */
export function parseDeltaSeconds(text: string): number | null {
  return DIGITS.test(text) ? Math.min(Number(text), MAX_DELTA_S) : null;
}

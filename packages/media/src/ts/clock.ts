/** The 90 kHz clock of PES timestamps and PCR bases (ISO/IEC 13818-1 §2.4.2.1). */

export const CLOCK_HZ = 90_000;
/** Timestamps have 33 bits: they wrap after 26.5 hours (§2.4.3.7). */
const CLOCK_MODULUS = 2 ** 33;

/** Ticks of 90 kHz, not wrapped, to the nearest. Exact for any safe integer: whole seconds are taken out first. */
export function toClock(ticks: number, timescale: number): number {
  const wholeSeconds = Math.floor(ticks / timescale);
  return wholeSeconds * CLOCK_HZ + Math.round(((ticks - wholeSeconds * timescale) * CLOCK_HZ) / timescale);
}

/** What stands in the 33 bits. */
export function wrapClock(ticks: number): number {
  return ((ticks % CLOCK_MODULUS) + CLOCK_MODULUS) % CLOCK_MODULUS;
}

import { MediaError } from './media-error.ts';

/** What manifests can write: a year has four digits (ISO 8601), and XML Schema (part 2 §3.2.7) knows no year 0. */
const FIRST_MS = Date.parse('0001-01-01T00:00:00.000Z');
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z');

/** The whole millisecond nearest to a Unix time. @throws MediaError `time_range` outside the years 1 to 9999 */
export function wallClockMs(unixMs: number): number {
  const ms = Math.round(unixMs);
  if (ms >= FIRST_MS && ms <= LAST_MS) return ms;
  throw new MediaError('time_range', 0, `a time of ${unixMs} ms since 1970`);
}

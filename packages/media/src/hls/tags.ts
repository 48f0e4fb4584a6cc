/**
 * The lexical forms of a playlist: RFC 8216bis §4.2 (attribute values), §4.4.4.1 (durations) and §4.4.4.6 (dates).
 */

import { MediaError } from '../media-error.ts';
import { wallClockMs } from '../wall-clock.ts';

const UNSAFE = /^#|["\r\n]/;
const UNSAFE_IN_LINE = /["\r\n]/g;
const UNSAFE_IN_URI = /^#|["\r\n]/g;
const DAY_MS = 86_400_000;

/**
 * A URI as it may stand on a line of its own or inside quotes. RFC 8216bis §4.2: neither a quote nor a line end may stand
 * in a quoted string, and no escape exists, so they are percent-encoded, as is a # in front, which would make the line a tag or a
 * comment (§4.1): input can never start a tag of its own.
 */
export function uriText(uri: string): string {
  return UNSAFE.test(uri) ? uri.replace(UNSAFE_IN_URI, percentEncode) : uri;
}

/** A quoted string that is not a URI; what cannot stand in one becomes an apostrophe or a space (RFC 8216bis §4.2). */
export function quoted(text: string): string {
  return `"${text.replace(UNSAFE_IN_LINE, (character) => (character === '"' ? "'" : ' '))}"`;
}

/**
 * A duration in seconds as a decimal-floating-point of five digits: 1/90000 s shows (RFC 8216bis §4.2).
 * @throws MediaError `time_range` when it is below 0 or not a number
 */
export function secondsFromTicks(ticks: number, timescale: number): string {
  const units = Math.round((ticks / timescale) * 100_000);
  if (!Number.isSafeInteger(units) || units < 0) {
    throw new MediaError('time_range', 0, `a duration of ${ticks}/${timescale} s`);
  }
  return `${Math.floor(units / 100_000)}.${String(100_000 + (units % 100_000)).slice(1)}`;
}

/** A time in seconds, to the millisecond. @throws MediaError `time_range` when it is not a number */
export function secondsFromMs(ms: number): string {
  if (!Number.isSafeInteger(Math.round(ms))) throw new MediaError('time_range', 0, `a time of ${ms} ms`);
  return (ms / 1000).toFixed(3);
}

/** A decimal-integer (RFC 8216bis §4.2). @throws MediaError `field_range` */
export function decimalInteger(value: number): string {
  if (Number.isSafeInteger(value) && value >= 0) return String(value);
  throw new MediaError('field_range', 0, `${value} is no decimal integer`);
}

let dayOfPrefix = -1;
let datePrefix = '';

/**
 * A date and time for EXT-X-PROGRAM-DATE-TIME (RFC 8216bis §4.4.4.6: ISO 8601, to the millisecond, with a time zone).
 * A playlist carries one per segment, so the date is formatted once a day and the time by hand.
 *
 * @param unixMs rounded to a millisecond
 * @throws MediaError `time_range`
 */
export function dateTime(unixMs: number): string {
  const ms = wallClockMs(unixMs);
  const day = Math.floor(ms / DAY_MS);
  if (day !== dayOfPrefix) {
    datePrefix = new Date(day * DAY_MS).toISOString().slice(0, 11);
    dayOfPrefix = day;
  }
  const inDay = ms - day * DAY_MS;
  const second = Math.floor(inDay / 1000);
  const minute = Math.floor(second / 60);
  const clock = `${two(Math.floor(minute / 60))}:${two(minute % 60)}:${two(second % 60)}`;
  return `${datePrefix}${clock}.${String(1000 + (inDay % 1000)).slice(1)}Z`;
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

function percentEncode(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

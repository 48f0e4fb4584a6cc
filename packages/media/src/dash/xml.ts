/** Text of an XML 1.0 document: attributes and escaping. */
import { MediaError } from '../media-error.ts';
import { wallClockMs } from '../wall-clock.ts';

const SPECIAL = /[&<>"\t\n\r]/g;
const HIGHEST_FORBIDDEN_CONTROL = 0x1f;

/** Text for an element or for an attribute in double quotes; characters that XML cannot hold become U+FFFD. */
export function escapeXml(text: string): string {
  let escaped = '';
  for (const character of text.toWellFormed()) escaped += isChar(character) ? character : '\ufffd';
  return escaped.replace(SPECIAL, (character) => `&#${character.charCodeAt(0)};`);
}

/** XML 1.0 §2.2: what may stand in a document at all, be it as a reference. Lone surrogates are gone already. */
function isChar(character: string): boolean {
  if (character > '\ufffd' && character.length === 1) return false;
  return character.charCodeAt(0) > HIGHEST_FORBIDDEN_CONTROL || '\t\n\r'.includes(character);
}

/**
 * Attributes in the order given, each with a leading space; undefined ones are left out.
 * @throws MediaError `field_range` for a number that is no unsigned integer: all that an MPD has as a number is one
 */
export function attributes(values: Readonly<Record<string, string | number | undefined>>): string {
  let text = '';
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined)
      text += ` ${name}="${typeof value === 'number' ? unsigned(name, value) : escapeXml(value)}"`;
  }
  return text;
}

function unsigned(name: string, value: number): string {
  if (Number.isSafeInteger(value) && value >= 0) return String(value);
  throw new MediaError('field_range', 0, `${name} of ${value} is no unsigned integer`);
}

/** xs:duration, to the millisecond (XML Schema part 2 §3.2.6). @throws MediaError `time_range` below 0 */
export function xsDuration(ms: number): string {
  return `PT${seconds(ms)}S`;
}

/** xs:dateTime in UTC, to the millisecond (XML Schema part 2 §3.2.7). @throws MediaError `time_range` */
export function xsDateTime(unixMs: number): string {
  return new Date(wallClockMs(unixMs)).toISOString();
}

/** Seconds as a plain decimal, never with an exponent, to the millisecond. @throws MediaError `time_range` below 0 */
export function seconds(ms: number): string {
  const wholeMs = Math.round(ms);
  if (Number.isSafeInteger(wholeMs) && wholeMs >= 0) return String(wholeMs / 1000);
  throw new MediaError('time_range', 0, `a duration of ${ms} ms`);
}

/** A plain decimal of up to three places. @throws MediaError `field_range` below 0 */
export function decimal(value: number): string {
  const thousandths = Math.round(value * 1000);
  if (Number.isSafeInteger(thousandths) && thousandths >= 0) return String(thousandths / 1000);
  throw new MediaError('field_range', 0, `${value} is no decimal`);
}

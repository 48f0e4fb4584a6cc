/** Text of an XML 1.0 document: attributes and escaping. */

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

/** Attributes in the order given, each with a leading space; undefined ones are left out. */
export function attributes(values: Readonly<Record<string, string | number | undefined>>): string {
  let text = '';
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined) text += ` ${name}="${typeof value === 'number' ? String(value) : escapeXml(value)}"`;
  }
  return text;
}

/** xs:duration of a whole number of milliseconds (XML Schema part 2 §3.2.6). */
export function xsDuration(ms: number): string {
  return `PT${seconds(ms)}S`;
}

/** xs:dateTime in UTC (XML Schema part 2 §3.2.7). */
export function xsDateTime(unixMs: number): string {
  return new Date(unixMs).toISOString();
}

/** Seconds as a plain decimal, never with an exponent, to the millisecond. */
export function seconds(ms: number): string {
  return String(Math.round(ms) / 1000);
}

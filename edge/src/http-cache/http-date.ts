/** Dates of HTTP in their three forms (RFC 9110 §5.6.7). */

const DAYS = 'sun|mon|tue|wed|thu|fri|sat';
const LONG_DAYS = 'sunday|monday|tuesday|wednesday|thursday|friday|saturday';
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

const TIME = String.raw`(?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d)`;
const MONTH = `(?<month>${MONTHS.join('|')})`;
// A cache reads dates in any case; in another zone, UTC among them, they are none (RFC 9111 §4.2).
const FORMS = [
  new RegExp(String.raw`^(?:${DAYS}), (?<day>\d\d) ${MONTH} (?<year>\d{4}) ${TIME} gmt$`, 'i'),
  new RegExp(String.raw`^(?:${LONG_DAYS}), (?<day>\d\d)-${MONTH}-(?<year>\d\d) ${TIME} gmt$`, 'i'),
  new RegExp(String.raw`^(?:${DAYS}) ${MONTH} (?<day>\d\d| \d) ${TIME} (?<year>\d{4})$`, 'i'),
];

const CENTURY_YEARS = 100;
const FARTHEST_YEARS = 50;

/**
 * Milliseconds since 1970; null for what is no date of HTTP. A year of two digits is at most 50 years after `nowMs`.
 */
export function parseHttpDate(text: string, nowMs: number): number | null {
  for (const form of FORMS) {
    const parts = form.exec(text)?.groups;
    if (parts !== undefined) return instantOf(parts, nowMs);
  }
  return null;
}

function instantOf(parts: Record<string, string>, nowMs: number): number | null {
  const [day, hour, minute, second] = [parts['day'], parts['hour'], parts['minute'], parts['second']].map(Number) as [
    number,
    number,
    number,
    number,
  ];
  const month = MONTHS.indexOf(parts['month']!.toLowerCase());
  const year = parts['year']!.length === 2 ? nearYear(Number(parts['year']), nowMs) : Number(parts['year']);
  // A leap second is the second after it (§5.6.7 leaves 60 in the grammar).
  if (hour > 23 || minute > 59 || second > 60) return null;
  const midnight = new Date(0);
  midnight.setUTCFullYear(year, month, day);
  const exists = midnight.getUTCMonth() === month && midnight.getUTCDate() === day;
  return exists ? midnight.getTime() + ((hour * 60 + minute) * 60 + second) * 1000 : null;
}

/** The latest year that ends so and is not farther ahead than 50 years. */
function nearYear(twoDigits: number, nowMs: number): number {
  const farthest = new Date(nowMs).getUTCFullYear() + FARTHEST_YEARS;
  const year = farthest - (farthest % CENTURY_YEARS) + twoDigits;
  return year > farthest ? year - CENTURY_YEARS : year;
}

/** The form that is sent. */
export function formatHttpDate(ms: number): string {
  return new Date(ms).toUTCString();
}

/** Header fields as they stand on the wire (RFC 9110 §5): a flat list of name, value, name, value. */

export type FieldList = readonly string[];

/** The value of a field, its lines joined as RFC 9110 §5.3 has it; undefined where there is none. `name` is in lower case. */
export function valueOf(fields: FieldList, name: string): string | undefined {
  let value: string | undefined;
  for (let i = 0; i + 1 < fields.length; i += 2) {
    if (!isNamed(fields[i]!, name)) continue;
    value = value === undefined ? fields[i + 1]! : `${value}, ${fields[i + 1]!}`;
  }
  return value;
}

/** The value of each line of a field. */
export function linesOf(fields: FieldList, name: string): string[] {
  const lines: string[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) if (isNamed(fields[i]!, name)) lines.push(fields[i + 1]!);
  return lines;
}

function isNamed(field: string, name: string): boolean {
  return field.length === name.length && (field === name || field.toLowerCase() === name);
}

/** All fields but those named; names are in lower case. */
export function without(fields: FieldList, names: ReadonlySet<string>): FieldList {
  const kept: string[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) {
    if (!names.has(fields[i]!.toLowerCase())) kept.push(fields[i]!, fields[i + 1]!);
  }
  return kept;
}

/** Directives for this cache alone (RFC 9213), the first one first; ours is named as §3.1 there recommends. */
export const TARGETED_FIELDS = ['headwater-cdn-cache-control', 'cdn-cache-control'] as const;

// RFC 9110 §7.6.1, and §11.7: the three of a proxy's authentication concern one connection too. Trailer announces what comes.
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** What decides on storing and reuse: without one of them a response would be fresher or more public than its origin said. */
export const DECIDING_FIELDS: ReadonlySet<string> = new Set([
  'age',
  'cache-control',
  'date',
  'expires',
  'vary',
  ...TARGETED_FIELDS,
]);

/** What goes on to the next hop, and into a store: without the fields of this connection and those that it names. */
export function endToEnd(fields: FieldList): FieldList {
  const named = valueOf(fields, 'connection');
  if (named === undefined) return without(fields, HOP_BY_HOP);
  const dropped = new Set(HOP_BY_HOP);
  for (const option of membersOf(named)) {
    const name = option.toLowerCase();
    // RFC 9110 §7.6.1: no sender may name a field that is meant for every recipient.
    if (!DECIDING_FIELDS.has(name)) dropped.add(name);
  }
  return without(fields, dropped);
}

/**
 * The members of a list (RFC 9110 §5.6.1), trimmed, without empty ones. A comma within a quoted string parts nothing; a
 * quote that nobody closes is a character like any other, so that it hides no member.
 */
export function membersOf(value: string): string[] {
  const members: string[] = [];
  let start = 0;
  let i = 0;
  // After a quote that nobody closes none is closed: whatever ended a later one would have ended it.
  let mayClose = true;
  while (i < value.length) {
    const character = value[i]!;
    if (character === ',') {
      push(members, value.slice(start, i));
      start = i + 1;
    } else if (character === '"' && mayClose) {
      const end = endOfQuoted(value, i);
      mayClose = end !== null;
      i = end ?? i;
    }
    i++;
  }
  push(members, value.slice(start));
  return members;
}

function push(members: string[], text: string): void {
  const member = text.trim();
  if (member !== '') members.push(member);
}

/** Where the quoted string that opens at `start` is closed. */
function endOfQuoted(value: string, start: number): number | null {
  for (let i = start + 1; i < value.length; i++) {
    if (value[i] === '\\') i++;
    else if (value[i] === '"') return i;
  }
  return null;
}

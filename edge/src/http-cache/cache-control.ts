/** The directives of Cache-Control (RFC 9111 §5.2), read so that nothing odd makes a response fresher or more public. */

import { parseDeltaSeconds } from './delta-seconds.ts';
import { DECIDING_FIELDS, membersOf } from './fields.ts';

/** The arguments of each directive, by its name in lower case: null for one without, several where it stands repeatedly. */
export type Directives = ReadonlyMap<string, readonly (string | null)[]>;

export const NO_DIRECTIVES: Directives = new Map();

const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const QUOTED = /^"(?:[^"\\]|\\.)*"$/s;

/** What is no directive is left out, as RFC 9111 §5.2.3 has it for unknown ones. */
export function parseCacheControl(value: string): Directives {
  const directives = new Map<string, (string | null)[]>();
  for (const member of membersOf(value)) {
    const equals = member.indexOf('=');
    const before = equals === -1 ? member : member.slice(0, equals);
    const name = before.trimEnd().toLowerCase();
    if (!NAME.test(name)) continue;
    // The grammar has no space there; what it might mean is no number.
    const isSpaced = name.length < before.length;
    const argument = equals === -1 ? null : isSpaced ? '' : argumentOf(member.slice(equals + 1));
    const others = directives.get(name);
    if (others === undefined) directives.set(name, [argument]);
    else others.push(argument);
  }
  return directives;
}

/** Both forms are read for every directive (RFC 9111 §5.2). */
function argumentOf(text: string): string {
  return QUOTED.test(text) ? text.slice(1, -1).replace(/\\(.)/gs, '$1') : text;
}

/**
 * The seconds that a directive gives; null where it is absent. What is no number counts as 0, and of several the least: RFC
 * 9111 §4.2.1 lets a response with conflicting values be the first of them or stale, and this is always one of both.
 */
export function secondsOf(directives: Directives, name: string): number | null {
  const given = directives.get(name);
  if (given === undefined) return null;
  return Math.min(...given.map((argument) => (argument === null ? 0 : (parseDeltaSeconds(argument) ?? 0))));
}

/**
 * How far a directive reaches that may name fields (`no-cache`, `private`): the whole response, or those fields (in lower
 * case) alone.
 */
export function reachOf(directives: Directives, name: string): 'absent' | 'whole' | ReadonlySet<string> {
  const given = directives.get(name);
  if (given === undefined) return 'absent';
  const fields = new Set<string>();
  for (const argument of given) {
    const named = argument === null ? [] : membersOf(argument);
    if (named.length === 0 || !named.every((field) => NAME.test(field))) return 'whole';
    for (const field of named) fields.add(field.toLowerCase());
    // Nobody knows what the rest of it is good for without these.
    if ([...fields].some((field) => DECIDING_FIELDS.has(field))) return 'whole';
  }
  return fields;
}

/** Bugs that the simulator must catch, each put into the edge alone. A bug whose text is gone fails the test. */

import type { Layout } from './history.ts';
import type { SourceEdit } from './source-edits.ts';

export interface SeededBug extends SourceEdit {
  readonly name: string;
  /** in which it is to be seen; an edge alone unless said otherwise */
  readonly layout?: Layout;
  /** by so many histories it must have been caught */
  readonly within: number;
}

/** Bodies of a few kilobytes go through all that bodies of many slices go through. */
export const SMALL_SLICES: SourceEdit = {
  file: 'edge/src/tiers/tier-entry.ts',
  text: 'export const SLICE_BYTES = 1024 * 1024;',
  replacement: 'export const SLICE_BYTES = 1024;',
};

/**
 * What waits on a machine's own clock, shortened: news of purges, a parent that does not answer, answers under way at an end.
 */
export const SHORT_WAITS: readonly SourceEdit[] = [
  { file: 'edge/src/neighbour.ts', text: 'const PURGE_NEWS_MS = 1_000;', replacement: 'const PURGE_NEWS_MS = 10;' },
  {
    file: 'edge/src/upstream/parent-probes.ts',
    text: 'const INTERVAL_MS = 1_000;\nconst DEADLINE_MS = 800;',
    replacement: 'const INTERVAL_MS = 250;\nconst DEADLINE_MS = 200;',
  },
  {
    file: 'edge/src/start-serving.ts',
    text: 'export const DRAIN_MS = 2_000;',
    replacement: 'export const DRAIN_MS = 100;',
  },
];

/** Most are caught by far fewer; what needs a rare moment says so itself. */
const USUAL = 600;

export const SEEDED_BUGS: readonly SeededBug[] = [
  {
    name: 'an Age that came with the answer does not count',
    file: 'edge/src/http-cache/freshness.ts',
    text: 'const ageMs = initialAgeMs + Math.max(0, nowMs - head.responseMs);',
    replacement: 'const ageMs = Math.min(initialAgeMs, 0) + Math.max(0, nowMs - head.responseMs);',
    within: USUAL,
  },
  {
    name: 'max-age comes before s-maxage',
    file: 'edge/src/http-cache/response-policy.ts',
    text: "secondsOf(directives, 's-maxage') ?? secondsOf(directives, 'max-age')",
    replacement: "secondsOf(directives, 'max-age') ?? secondsOf(directives, 's-maxage')",
    within: USUAL,
  },
  {
    name: 'a targeted field does not count',
    file: 'edge/src/http-cache/targeted-control.ts',
    text: 'if (directives !== null) return { directives, isTargeted: true };',
    replacement: 'if (directives !== null && directives.size > 9) return { directives, isTargeted: true };',
    within: USUAL,
  },
  {
    name: 'what has expired long ago is fresh for as long',
    file: 'edge/src/http-cache/response-policy.ts',
    text: 'expiresMs === null ? 0 : Math.max(0, (expiresMs - dateMsOf(head)) / 1000)',
    replacement: 'expiresMs === null ? 0 : Math.abs((expiresMs - dateMsOf(head)) / 1000)',
    within: USUAL,
  },
  {
    name: 'Vary selects nothing',
    file: 'edge/src/http-cache/vary.ts',
    text: '    if (head.selecting[name] !== (value === undefined ? null : normalised(name, value))) return false;\n',
    replacement: '',
    within: USUAL,
  },
  {
    name: 'a 304 updates no field',
    file: 'edge/src/http-cache/validation.ts',
    text: 'return { ...head, fields, ...times };',
    replacement: 'return { ...head, ...times, ...(fields.length === 0 ? { fields } : {}) };',
    within: USUAL,
  },
  {
    name: 'any answer goes on where another broke off',
    file: 'edge/src/zone/fetching.ts',
    text: 'const isSame = strongTagOf(got.fields) === tag;',
    replacement: 'const isSame = strongTagOf(got.fields) !== null;',
    within: 1_500,
  },
  {
    name: 'what broke off is not taken up',
    file: 'edge/src/zone/run.ts',
    text: "return options.reopen === null ? 'changed' : options.reopen(span.position);",
    replacement: "return options.reopen === null || span.position >= 0 ? 'changed' : options.reopen(span.position);",
    within: USUAL,
  },
  {
    name: 'what broke off ends as if it were whole',
    file: 'edge/src/zone/zone-reply.ts',
    text: "isWhole: arrival.kind === 'end' && end === null };",
    replacement: 'isWhole: end === null };',
    within: USUAL,
  },
  {
    name: 'what broke off is stored as whole',
    file: 'edge/src/zone/run.ts',
    text: "  body.fail(span, code, next === 'changed');\n  return next === 'changed' ? 'changed' : 'broken';",
    replacement: "  body.end(span);\n  return next === 'changed' && code === 'internal' ? 'changed' : 'whole';",
    within: USUAL,
  },
  {
    name: 'who joins late misses the first bytes',
    file: 'edge/src/zone/zone-reply.ts',
    text: '  body.seek(reader, first);\n',
    replacement: '  body.seek(reader, end === null && body.read(48) !== null ? 48 : first);\n',
    within: USUAL,
  },
  {
    name: 'a range goes on behind its end',
    file: 'edge/src/zone/zone-reply.ts',
    text: 'const bytes = end === null ? arrival.bytes : arrival.bytes.subarray(0, end - reader.position);',
    replacement: 'const bytes = arrival.bytes;',
    within: USUAL,
  },
  {
    name: 'a slice is looked for in the place of the one before',
    file: 'edge/src/zone/body.ts',
    text: 'const extent = await this.#options.store.slice(this.id, index);',
    replacement: 'const extent = await this.#options.store.slice(this.id, Math.max(0, index - 1));',
    within: USUAL,
  },
  {
    name: 'a suffix range is a byte too long',
    file: 'edge/src/http-cache/ranges.ts',
    text: 'return [Math.max(0, lengthBytes - Number(last)), lengthBytes - 1];',
    replacement: 'return [Math.max(0, lengthBytes - Number(last) - 1), lengthBytes - 1];',
    within: USUAL,
  },
  {
    name: 'If-Range holds for any version',
    file: 'edge/src/http-cache/ranges.ts',
    text: 'if (condition !== undefined && !ifRangeHolds(condition, head)) return WHOLE;',
    replacement: "if (condition !== undefined && !ifRangeHolds(condition, head) && condition === '') return WHOLE;",
    within: USUAL,
  },
  {
    name: 'any tag matches If-None-Match',
    file: 'edge/src/http-cache/preconditions.ts',
    text: "return tag === undefined ? tags.trim() === '*' : listsTag(tags, tag, 'weak');",
    replacement: "return tag === undefined ? tags.trim() === '*' : tags !== '' || listsTag(tags, tag, 'weak');",
    within: USUAL,
  },
  {
    name: 'a fill is as new as its head',
    file: 'edge/src/zone/fetching.ts',
    text: 'await newObject(fetching, ask, { response, times, isAlone, purge });',
    replacement: 'await newObject(fetching, ask, { response, times, isAlone, purge: shelf.openQuestion(ask) });',
    within: USUAL,
  },
  {
    name: 'a purge does not part who asked before from who asks after',
    file: 'edge/src/zone/shelf.ts',
    text: 'return !isVoid && seq === this.#options.purges.seq;',
    replacement: 'return !isVoid && seq <= this.#options.purges.seq;',
    within: 2_000,
  },
  {
    name: 'every purge is soft',
    file: 'edge/src/zone/purge-rules.ts',
    text: 'const own = purge.soft ? { hardSeq: 0, softSeq: this.#seq } : { hardSeq: this.#seq, softSeq: 0 };',
    replacement: 'const own = { hardSeq: 0, softSeq: this.#seq };',
    within: USUAL,
  },
  {
    name: 'a soft purge is forgotten',
    file: 'edge/src/zone/purge-rules.ts',
    text: 'if (newest.softSeq > mark.checkedSeq) mark.isStale = true;',
    replacement: 'if (newest.softSeq > mark.checkedSeq) mark.isStale = mark.isVoid;',
    within: USUAL,
  },
  {
    name: 'only the first tag of an object is known',
    file: 'edge/src/zone/tags.ts',
    text: "if (tag !== '') tags.add(tag);",
    replacement: "if (tag !== '' && tags.size < 2) tags.add(tag);",
    within: USUAL,
  },
  {
    name: 'stale-if-error has no bound',
    file: 'edge/src/http-cache/reuse.ts',
    text: 'return allowedMs > 0 && -freshness.remainingMs <= allowedMs;',
    replacement: 'return allowedMs > 0 && -freshness.remainingMs <= Infinity;',
    within: USUAL,
  },
  {
    name: 'must-revalidate does not count when the origin fails',
    file: 'edge/src/http-cache/reuse.ts',
    text: '  if (freshness.isFresh) return true;\n  if (policy.mustRevalidateStale) return false;\n',
    replacement: '  if (freshness.isFresh) return true;\n',
    within: USUAL,
  },
  {
    name: 'what an authorised request brings is for all',
    file: 'edge/src/http-cache/storable.ts',
    text: "if (valueOf(request.fields, 'authorization') !== undefined && !isForAll(directives)) return 'authorization';\n",
    replacement:
      "if (valueOf(request.fields, 'authorization') === '' && !isForAll(directives)) return 'authorization';\n",
    within: USUAL,
  },
  {
    name: 'private is stored',
    file: 'edge/src/http-cache/storable.ts',
    text: "if (reachOf(directives, 'private') === 'whole') return 'private';",
    replacement: "if (reachOf(directives, 'private') === 'whole' && directives.size > 9) return 'private';",
    within: USUAL,
  },
  {
    name: 'unsafe methods invalidate nothing',
    file: 'edge/src/zone/serve-zone.ts',
    text: 'if (!isSafe(method)) await invalidate(edge, ask, head);',
    replacement: 'if (!isSafe(method) && head.status > 599) await invalidate(edge, ask, head);',
    within: USUAL,
  },
  {
    name: 'a 404 is kept for as long as a page',
    file: 'edge/src/http-cache/response-policy.ts',
    text: '  404: 2,\n',
    replacement: '  404: 3_600,\n',
    within: 2_000,
  },
  {
    name: 'who waited gets what was fetched for another language',
    file: 'edge/src/zone/zone-desk.ts',
    text: 'if (selectVariant([object], ask.request) === undefined) return false;',
    replacement: "if (ask.key === '') return false;",
    within: USUAL,
  },
  {
    name: 'nobody waits for a fetch under way',
    file: 'edge/src/zone/zone-desk.ts',
    text: 'if (!isAlone) this.#flights.set(name, flight);',
    replacement: "if (!isAlone && name === '') this.#flights.set(name, flight);",
    within: USUAL,
  },
  {
    name: 'hosts of a zone share their objects',
    file: 'edge/src/zone/zone-key.ts',
    text: '${name}\\n${host}\\n${path}',
    replacement: '${name}\\n\\n${path}',
    within: USUAL,
  },
  {
    name: 'fields of a connection go on',
    file: 'edge/src/http-cache/fields.ts',
    text: 'if (!DECIDING_FIELDS.has(name)) dropped.add(name);',
    replacement: "if (name === '') dropped.add(name);",
    within: USUAL,
  },
  {
    name: 'a follower is said to have been the only one',
    file: 'edge/src/zone/zone-desk.ts',
    text: 'const how = missOf(seen, !isFirst, outcome === null ? null : statusBehind(outcome));',
    replacement: 'const how = missOf(seen, isFirst, outcome === null ? null : statusBehind(outcome));',
    within: USUAL,
  },
  {
    name: 'what the disk has is not held against its checksum',
    file: 'edge/src/tiers/disk/record.ts',
    text: 'if (end > bytes.length || bytes.readUInt32LE(4) !== crc32(bytes.subarray(CHECKED_FROM, end))) return undefined;',
    replacement: 'if (end > bytes.length) return undefined;',
    within: 1_000,
  },
  {
    name: 'a restart forgets what was purged',
    file: 'edge/src/tiers/disk/purge-log.ts',
    text: '    this.#unwritten.push(line);\n',
    replacement: "    if (line.kind !== 'purge') this.#unwritten.push(line);\n",
    within: 1_000,
  },
  {
    name: 'a token opens every zone',
    file: 'packages/protocol/src/path-token.ts',
    text: "return 'token_scope';",
    replacement: 'void expect;',
    within: USUAL,
  },
  {
    name: 'a token is good for ever',
    file: 'packages/protocol/src/path-token.ts',
    text: "return 'token_expired';",
    replacement: 'void expect;',
    within: USUAL,
  },
  {
    name: 'trailers do not go on',
    file: 'edge/src/zone/zone-reply.ts',
    text: '  if (trailers.length > 0) addTrailers(response, trailers);\n',
    replacement: '',
    within: USUAL,
  },
  {
    name: 'what goes on elsewhere begins at its beginning',
    layout: 'parents',
    file: 'edge/src/zone/fetching.ts',
    text: 'return { answer, skipBytes: fromByte, end: lengthBytes };',
    replacement: 'return { answer, skipBytes: 0, end: lengthBytes };',
    within: USUAL,
  },
  {
    name: 'what two parents have is put together whatever it is',
    layout: 'parents',
    file: 'edge/src/zone/fetching.ts',
    text: 'const isSame = strongTagOf(got.fields) === tag;',
    replacement: 'const isSame = strongTagOf(got.fields) !== null;',
    within: 1_500,
  },
  {
    name: 'a parent is told of no purge',
    layout: 'parents',
    file: 'edge/src/upstream/parents.ts',
    text: '...(last === null ? [] : [LAST_PURGE, formatPurgePoint(last)]),',
    replacement: '...(last === null || last.id !== formatPurgePoint(last) ? [] : [LAST_PURGE]),',
    within: USUAL,
  },
  {
    name: 'a parent that is behind answers all the same',
    layout: 'parents',
    file: 'edge/src/serve.ts',
    text: 'if (hasIt) return serveZone(edge.zones.edge, exchange, asked);',
    replacement: 'if (hasIt || point.atMs > 0) return serveZone(edge.zones.edge, exchange, asked);',
    within: USUAL,
  },
  {
    name: 'what a parent says of itself goes to viewers',
    layout: 'parents',
    file: 'edge/src/upstream/fetch-run.ts',
    text: "if (kind !== 'parent' || !REFUSALS.has(status)) return false;",
    replacement: "if (kind !== 'parent' || !REFUSALS.has(status) || status > 500) return false;",
    within: USUAL,
  },
  {
    name: 'a parent hands on what it has yet to fetch anew',
    layout: 'parents',
    file: 'edge/src/zone/zone-gate.ts',
    text: 'isForEdge: true, scheme',
    replacement: 'isForEdge: false, scheme',
    within: 1_500,
  },
  {
    name: 'a worker hands on what it has yet to fetch anew',
    layout: 'workers',
    file: 'edge/src/workers/sibling-zones.ts',
    text: 'isForEdge: true',
    replacement: 'isForEdge: false',
    within: 1_500,
  },
  {
    name: 'every worker asks the origin itself',
    layout: 'workers',
    file: 'edge/src/workers/team-upstream.ts',
    text: 'const owner = this.#attempts < ATTEMPTS ? ownership.elsewhere(key) : null;',
    replacement: 'const owner = this.#attempts > ATTEMPTS ? ownership.elsewhere(key) : null;',
    within: USUAL,
  },
  {
    name: 'what a worker changes it alone forgets',
    layout: 'workers',
    file: 'edge/src/zone/assemble-zones.ts',
    text: 'if (team !== undefined) return (objects) => team.forget(objects);',
    replacement: 'if (team !== undefined) return forget;',
    within: 1_500,
  },
  {
    name: 'a worker that comes back does not make up for what it missed',
    layout: 'workers',
    file: 'edge/src/start-serving.ts',
    text: '  for (const page of missed) await carryOut(page);\n',
    replacement: '',
    within: 2_000,
  },
];

/** The fields that a request goes on with: what is ours to say, and nothing that is only for one connection. */

import { type FieldList, linesOf, membersOf, without } from '../http-cache/fields.ts';

/** RFC 9110 §7.6.1, and what undici or this edge says itself. */
const OURS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'te',
  'upgrade',
  'expect',
  'host',
  'via',
  'cdn-loop',
]);

/** A request through more CDN nodes than this goes in circles, whatever they are called. */
const CDN_HOPS_LIMIT = 16;

interface Hop {
  /** this edge's id, unique in its fleet */
  readonly nodeId: string;
  readonly host: string;
}

/** What goes on in place of a request's fields. */
export function outgoingFields(fields: FieldList, { nodeId, host }: Hop): string[] {
  // RFC 9110 §7.6.3, RFC 8586 §2: each appends itself.
  const via = appended(fields, 'via', `1.1 ${nodeId}`);
  const loop = appended(fields, 'cdn-loop', nodeId);
  return ['host', host, ...without(fields, OURS), 'via', via, 'cdn-loop', loop];
}

function appended(fields: FieldList, name: string, own: string): string {
  return [...linesOf(fields, name).filter((line) => line.trim() !== ''), own].join(', ');
}

/** Whether a request has been here before (RFC 8586 §2), or through too many. */
export function isLooping(fields: FieldList, nodeId: string): boolean {
  const hops = linesOf(fields, 'cdn-loop').flatMap(membersOf);
  const own = nodeId.toLowerCase();
  return (
    hops.length >= CDN_HOPS_LIMIT || hops.some((hop) => (hop.split(';', 1)[0] as string).trim().toLowerCase() === own)
  );
}

/** The fields that a request goes on with: what is ours to say, and nothing that is only for one connection. */

import type { FieldList } from './upstream-handler.ts';

/** RFC 9110 §7.6.1, and what undici or this edge says itself. */
const OURS = new Set([
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
  const out = ['host', host];
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string;
    if (!OURS.has(name.toLowerCase())) out.push(name, fields[at + 1] as string);
  }
  // RFC 9110 §7.6.3, RFC 8586 §2: each appends itself.
  out.push('via', [...valuesOf(fields, 'via'), `1.1 ${nodeId}`].join(', '));
  out.push('cdn-loop', [...valuesOf(fields, 'cdn-loop'), nodeId].join(', '));
  return out;
}

/** Whether a request has been here before (RFC 8586 §2), or through too many. */
export function isLooping(fields: FieldList, nodeId: string): boolean {
  const values = valuesOf(fields, 'cdn-loop');
  if (values.length === 0) return false;
  const ids = values.flatMap((value) => splitList(value)).map((entry) => (entry.split(';', 1)[0] as string).trim());
  return ids.length >= CDN_HOPS_LIMIT || ids.some((id) => id.toLowerCase() === nodeId.toLowerCase());
}

function valuesOf(fields: FieldList, name: string): string[] {
  const values: string[] = [];
  for (let at = 0; at < fields.length; at += 2) {
    const value = fields[at + 1] as string;
    if ((fields[at] as string).toLowerCase() === name && value.trim() !== '') values.push(value);
  }
  return values;
}

/** The members of a list, commas within quotes kept (RFC 9110 §5.6.1). */
function splitList(value: string): string[] {
  return value.match(/(?:[^,"]|"(?:[^"\\]|\\.)*(?:"|$))+/g) ?? [];
}

/** Whether a request is for a pull zone, and what it is there. */

import type { ProblemCode } from '@headwater/protocol/problem';
import { withoutCmcd } from '@headwater/protocol/cmcd';
import { ANY_HOST } from '@headwater/protocol/zone';
import type { ViewerRequest } from '../viewer-exchange.ts';
import { readRequestTarget } from './request-target.ts';
import type { ZoneRequest } from './serve-zone.ts';
import type { ZoneTable } from './zone-table.ts';

export type ZoneFinding =
  | { readonly kind: 'zone'; readonly request: ZoneRequest }
  | { readonly kind: 'refused'; readonly code: ProblemCode; readonly detail?: string };

/** The edge's own, of which no zone for every host takes anything. */
const OWN = /^\/(?:live|vod|t|steering)\/|^\/(?:healthz|readyz|time)$/;

/** @returns null for what is no zone's: one of our own streams, a question to the edge, or nothing */
export function findZone(table: ZoneTable, { url = '', headers }: ViewerRequest): ZoneFinding | null {
  if (table.isEmpty) return null;
  const target = readRequestTarget(url, headers.host);
  if (!target.ok) return table.match(headers.host, '/') === null ? null : { kind: 'refused', ...target };
  const { path, name } = target;
  const zone = table.match(target.host, name);
  if (zone === null) return null;
  const isAnyHost = zone.hosts[0] === ANY_HOST;
  if (isAnyHost && OWN.test(path)) return null;
  if (zone.policy === 'token') return { kind: 'refused', code: 'token_missing' };
  const host = isAnyHost ? '' : target.host;
  return { kind: 'zone', request: { zone, host, path, name, query: queryOf(target.query), isPrivate: false } };
}

function queryOf(query: string): string {
  const rest = withoutCmcd(query.slice(1));
  return rest === '' ? '' : `?${rest}`;
}

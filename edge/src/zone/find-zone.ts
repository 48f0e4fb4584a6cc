/** Whether a request is for a pull zone, and what it is there. Who may have it is not asked here. */

import { withoutCmcd } from '@headwater/protocol/cmcd';
import { isPathTokenForm } from '@headwater/protocol/path-token';
import type { ProblemCode } from '@headwater/protocol/problem';
import { stripSigningPackage } from '@headwater/protocol/signing-package';
import { readPath } from '@headwater/protocol/uri-path';
import { ANY_HOST, type ZoneEntry } from '@headwater/protocol/zone';
import type { ViewerRequest } from '../viewer-exchange.ts';
import { type RequestTarget, readRequestTarget } from './request-target.ts';
import type { ZoneTable } from './zone-table.ts';

/** What is asked for in a zone, without any token. */
export interface FoundZone {
  readonly zone: ZoneEntry;
  /** in lower case, without a port; `''` where the zone names no hosts */
  readonly host: string;
  /** as it came */
  readonly path: string;
  /** the one spelling of the path */
  readonly name: string;
  /** with its question mark, or `''`; what is said to the edge alone is still in it */
  readonly query: string;
  /** the text between `/t/` and the path, unchecked; null where there is none */
  readonly token: string | null;
}

export type ZoneFinding =
  | { readonly kind: 'zone'; readonly found: FoundZone }
  | { readonly kind: 'refused'; readonly code: ProblemCode; readonly detail?: string };

/** The edge's own, of which no zone for every host takes anything. */
const OWN = /^\/(?:live|vod|t|steering)\/|^\/(?:healthz|readyz|time)$/;
const TOKEN_PATH = /^\/t\/([^/]+)(\/.*)$/s;

/**
 * Finds the zone of a request. Under `/t/TOKEN/` a path is looked for without that, if what stands there has the form of a
 * token, or the path's zone wants one; otherwise it is a path like any other.
 * @returns null for what is no zone's: one of our own streams, a question to the edge, or nothing
 */
export function findZone(table: ZoneTable, { url = '', headers }: ViewerRequest): ZoneFinding | null {
  if (table.isEmpty) return null;
  // RFC 9246 §2.1.15: what a session token is held against, and opens, is the URL without it.
  const target = readRequestTarget(stripSigningPackage(url), headers.host);
  if (!target.ok) return table.match(headers.host, '/') === null ? null : { kind: 'refused', ...target };
  const [, token = '', rest = ''] = TOKEN_PATH.exec(target.path) ?? [];
  const hasForm = isPathTokenForm(token);
  if (token !== '') {
    const inner = readPath(rest);
    const zone = inner.ok ? zoneFor(table, { ...target, ...inner }) : null;
    if (inner.ok && zone !== null && (hasForm || zone.policy === 'token')) {
      return foundIn(zone, { ...target, ...inner }, token);
    }
  }
  // A token that opens nothing goes to nobody, and neither does one in another spelling.
  if (hasForm || isSpelledToken(target.name)) return null;
  const zone = zoneFor(table, target);
  return zone === null ? null : foundIn(zone, target, null);
}

function isSpelledToken(name: string): boolean {
  return isPathTokenForm(TOKEN_PATH.exec(`${name}/`)?.[1] ?? '');
}

function zoneFor(table: ZoneTable, { host, path, name }: RequestTarget): ZoneEntry | null {
  const zone = table.match(host, name);
  return zone !== null && isForAnyHost(zone) && OWN.test(path) ? null : zone;
}

function foundIn(zone: ZoneEntry, target: RequestTarget, token: string | null): ZoneFinding {
  const { path, name, query } = target;
  return { kind: 'zone', found: { zone, host: isForAnyHost(zone) ? '' : target.host, path, name, query, token } };
}

function isForAnyHost({ hosts }: ZoneEntry): boolean {
  return hosts[0] === ANY_HOST;
}

/** What of a query names an object: not what players tell of themselves. */
export function queryOfObject(query: string): string {
  const rest = withoutCmcd(query.slice(1));
  return rest === '' ? '' : `?${rest}`;
}

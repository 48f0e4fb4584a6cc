/**
 * Who may have what of a pull zone. A path token is checked on every request, as for streams. A session token for the whole
 * zone buys one; a session token whose container covers less than the zone (RFC 9246 §2.1.15) opens just what it covers, and
 * is checked on every request itself.
 */

import { randomBytes } from 'node:crypto';
import type { FeedState } from '@headwater/protocol/feed-state';
import type { ProblemCode } from '@headwater/protocol/problem';
import type { Session } from '@headwater/protocol/session-token';
import { zoneScope } from '@headwater/protocol/token-scope';
import { isInContainer } from '@headwater/protocol/uri-container';
import type { Gate } from '../authorise.ts';
import { type Knock, admit, pathTokenOf } from '../door.ts';
import { type FoundZone, queryOfObject } from './find-zone.ts';
import type { ZoneRequest } from './serve-zone.ts';

export type ZoneVerdict =
  | { readonly kind: 'granted'; readonly request: ZoneRequest }
  /** to the same under a path token */
  | { readonly kind: 'redirect'; readonly location: string }
  | { readonly kind: 'refused'; readonly code: ProblemCode };

interface Doorkeeper {
  readonly feed: FeedState;
  readonly gate: Gate;
}

export function authoriseZone({ feed, gate }: Doorkeeper, found: FoundZone, request: Knock): ZoneVerdict {
  const { zone, token } = found;
  const verdict = gate.authoriseZone(zone, token, request);
  switch (verdict.kind) {
    case 'refused':
      return verdict;
    case 'granted':
      return granted(found, verdict.isPrivate);
    case 'door': {
      // What a token is held against is put together of Host and path.
      if (!request.url.startsWith('/')) return { kind: 'refused', code: 'bad_request' };
      const scope = zoneScope(zone.name);
      const admitted = admit(feed, scope, request);
      if (!admitted.ok) return { kind: 'refused', code: admitted.code };
      if (!isForWholeZone(admitted.session, found, request)) return granted(found, true);
      const bought = pathTokenOf(feed, scope, admitted.session);
      if (bought === null) return { kind: 'refused', code: 'not_ready' };
      return { kind: 'redirect', location: `/t/${bought}${found.path}${found.query}` };
    }
  }
}

/** What another edge asks for: it has let its viewer in itself, and its answer is for all its viewers. */
export function requestOfNeighbour(
  { zone, host, path, name, query }: FoundZone,
  scheme: 'http' | 'https',
): ZoneRequest {
  return { zone, host, path, name, query: queryOfObject(query), isPrivate: false, isForEdge: true, scheme };
}

function granted({ zone, host, path, name, query }: FoundZone, isPrivate: boolean): ZoneVerdict {
  return { kind: 'granted', request: { zone, host, path, name, query: queryOfObject(query), isPrivate } };
}

/** A name that nobody can foresee stands for all: a container that covers it covers whatever the zone may hold. */
function isForWholeZone({ container, scope }: Session, { zone }: FoundZone, { base }: Knock): boolean {
  if (scope !== null) return true;
  const unforeseen = randomBytes(16).toString('hex');
  const root = zone.pathPrefix.endsWith('/') ? zone.pathPrefix : `${zone.pathPrefix}/`;
  return isInContainer(container, `${base}${root}${unforeseen}/${unforeseen}?${unforeseen}`);
}

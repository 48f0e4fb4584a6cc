/** The viewers' door: who asks, may they, which edge is theirs. One request's life; the leaves decide nothing. */

import { isIP } from 'node:net';
import { clientAddress } from '@headwater/protocol/client-address';
import type { FeedState } from '@headwater/protocol/feed-state';
import type { IpPrefix } from '@headwater/protocol/ip-prefix';
import { isStreamName } from '@headwater/protocol/names';
import { mintPathToken } from '@headwater/protocol/path-token';
import type { ProblemCode } from '@headwater/protocol/problem';
import { type ReplayGuard, type Session, verifySessionToken } from '@headwater/protocol/session-token';
import { findSigningPackage, stripSigningPackage } from '@headwater/protocol/signing-package';
import type { RankingPolicy } from '@headwater/protocol/settings';
import { streamScope } from '@headwater/protocol/token-scope';
import type { Clock } from '@headwater/service/clock';
import type { Departures } from './departures.ts';
import type { Location, Locator } from './locate.ts';
import type { EdgeViews } from './edge-views.ts';
import { type RankedEdge, rankEdges } from './rank.ts';

/** What the door stands on. */
export interface Door {
  readonly state: FeedState;
  readonly locate: Locator;
  readonly edges: Pick<EdgeViews, 'look'>;
  readonly departures: Pick<Departures, 'stayed' | 'left'>;
  readonly clock: Clock;
  readonly trustedProxies: readonly IpPrefix[];
  readonly audience: string;
  /** this geo's own */
  readonly nodeId: string;
  readonly replay: ReplayGuard;
}

/** What counts of a request. */
export interface DoorRequest {
  /** scheme and authority, as the viewer's machine sees them */
  readonly origin: string;
  /** path and query as received, session token and all */
  readonly url: string;
  readonly socketAddress: string;
  readonly forwardedFor: string | undefined;
  readonly cookie: string | undefined;
  readonly authorization: string | undefined;
}

export type DoorAnswer =
  | {
      readonly kind: 'edges';
      readonly stream: string;
      readonly address: string;
      readonly location: Location;
      /** when the way in ends; null for a public stream */
      readonly expiresS: number | null;
      /** best first, never empty */
      readonly edges: readonly (RankedEdge & { readonly url: string })[];
    }
  | { readonly kind: 'refused'; readonly code: ProblemCode; /** CDNI `s-uri-signing` */ readonly uriSigning?: number };

/** So many edges are named at the most. */
const RANKED = 8;
/** What an edge writes for a whole stream. */
const PRESENTATIONS = new Set(['master.m3u8', 'classic.m3u8', 'ts.m3u8', 'manifest.mpd']);

/** Answers `/live/STREAM/PRESENTATION`. */
export function answerDoor(request: DoorRequest, door: Door): DoorAnswer {
  const target = parseTarget(request.url);
  if (target === null) return refuse('not_found');
  const { stream, presentation, query } = target;
  const address = clientAddress(request.socketAddress, request.forwardedFor, door.trustedProxies);

  // A public stream is open to all; of any other name nobody without a token learns whether it is there.
  const entry = door.state.streams.get(stream);
  const session = entry?.policy === 'public' ? null : admit(request, stream, address, door);
  if (session?.kind === 'refused') return session;
  if (entry === undefined) return refuse('stream_not_found');
  if (entry.origin === null) return refuse('stream_offline');
  if (session !== null && door.state.keyring.current === null) return refuse('not_ready');

  const location = door.locate(address);
  const ranked = rankFor({ stream, address, location }, door);
  if (ranked.length === 0) return refuse('no_edge');
  const path = `${session === null ? '' : `/t/${pathToken(session, stream, door)}`}/live/${stream}/${presentation}${query}`;
  const edges = ranked.map((entry) => ({ ...entry, url: `${entry.edge.url}${path}` }));
  return { kind: 'edges', stream, address, location, expiresS: session?.expiresS ?? null, edges };
}

interface Asker {
  readonly stream: string;
  readonly address: string;
  readonly location: Location;
  /** the edges that it can use; all when left out */
  readonly among?: readonly string[];
  readonly limit?: number;
}

/** The edges for one viewer of one stream, best first. */
export function rankFor({ stream, address, location, among, limit = RANKED }: Asker, door: Door): RankedEdge[] {
  const { edges, clock } = door;
  const { place, country, asn } = location;
  const policy = policyFor(stream, door);
  const fleet = edges.look().filter(({ node }) => among?.includes(node.id) ?? true);
  const viewer = { place, country, asn, address, stream };
  return rankEdges(fleet, viewer, { policy, nowMs: clock.nowMs(), limit });
}

/** The policy for viewers of a stream, as it runs here. */
export function policyFor(stream: string, { state, nodeId }: Door): RankingPolicy {
  return state.settingsOf(nodeId, stream).ranking ?? {};
}

/**
 * Hosts of the edges for who asks by DNS. Who is told of several takes any of them, so besides the best one with its kind of
 * address only its equals are named.
 */
export function edgeHostsFor(address: string, stream: string, door: Door): string[] {
  // The whole fleet: the ranking puts what fails apart from its first before better ones, and the first may be of another kind.
  const ranked = rankFor({ stream, address, location: door.locate(address), limit: Infinity }, door);
  const hosts = ranked.flatMap(({ edge, standing: { order } }) => {
    // One that says something else of itself is its own loss, and nobody else's.
    if (!URL.canParse(edge.url)) return [];
    const host = new URL(edge.url).hostname.replace(/^\[|\]$/g, '');
    return [{ host, family: isIP(host), order }];
  });
  const bestOrders = new Map<number, number>();
  for (const { family, order } of hosts) bestOrders.set(family, Math.min(order, bestOrders.get(family) ?? Infinity));
  return hosts.filter(({ family, order }) => order === bestOrders.get(family)).map(({ host }) => host);
}

interface Admitted extends Session {
  readonly kind: 'admitted';
}
type Refused = Extract<DoorAnswer, { kind: 'refused' }>;

function refuse(code: ProblemCode, uriSigning?: number): Refused {
  return uriSigning === undefined ? { kind: 'refused', code } : { kind: 'refused', code, uriSigning };
}

/** Checks the session token, wherever the request carries it. */
function admit(request: DoorRequest, stream: string, address: string, door: Door): Admitted | Refused {
  const uri = `${request.origin}${request.url}`;
  const found = findSigningPackage({ uri, cookie: request.cookie, authorization: request.authorization });
  if (found === null) return refuse('session_missing', 0);
  const { clock, state, replay, audience } = door;
  const scope = streamScope(stream);
  const expect = { uri, scope, address, nowMs: clock.nowMs(), issuers: state.issuers, replay, audience };
  const verdict = verifySessionToken(found.token, expect);
  if (!verdict.ok) return refuse(verdict.code, verdict.uriSigning);
  const { session } = verdict;
  if (state.isRevoked(session.id, scope, session.issuedS * 1000)) return refuse('token_revoked', verdict.uriSigning);
  return { kind: 'admitted', ...session };
}

function pathToken(session: Session, stream: string, door: Door): string {
  const { id, issuedS, expiresS, bind } = session;
  return mintPathToken(
    { session: id, scope: streamScope(stream), notBeforeS: issuedS, expiresS, bind },
    door.state.keyring,
  );
}

interface Target {
  readonly stream: string;
  readonly presentation: string;
  /** with its question mark, without the session token */
  readonly query: string;
}

function parseTarget(url: string): Target | null {
  const [path = '', ...query] = stripSigningPackage(url).split('?');
  const [empty, root, stream, presentation, ...rest] = path.split('/');
  if (empty !== '' || root !== 'live' || !isStreamName(stream) || rest.length > 0) return null;
  if (presentation === undefined || !PRESENTATIONS.has(presentation)) return null;
  const kept = query.join('?');
  return { stream, presentation, query: kept === '' ? '' : `?${kept}` };
}

/** Who may have what. Decided from the URL and what the feed told, before anything is looked up. */

import type { FeedState } from '@headwater/protocol/feed-state';
import { type PathClaims, hasBegun, verifyPathToken } from '@headwater/protocol/path-token';
import type { ProblemCode } from '@headwater/protocol/problem';
import { type TokenScope, streamScope, zoneScope } from '@headwater/protocol/token-scope';
import type { ZoneEntry } from '@headwater/protocol/zone';
import { LRUCache } from 'lru-cache';
import type { Target } from './target.ts';

export type Verdict =
  /** `private`: the answer is this viewer's alone */
  | { readonly kind: 'granted'; readonly isPrivate: boolean }
  /** no path token, and the stream or zone wants one: a session token may buy it at the door */
  | { readonly kind: 'door' }
  | { readonly kind: 'refused'; readonly code: ProblemCode };

/** Where a request comes from, and when. */
export interface Viewer {
  readonly address: string;
  readonly nowMs: number;
}

const PUBLIC: Verdict = { kind: 'granted', isPrivate: false };
const PRIVATE: Verdict = { kind: 'granted', isPrivate: true };
const DOOR: Verdict = { kind: 'door' };

/** Tokens whose signature is remembered. A viewer has one, and asks with it several times a second. */
const REMEMBERED_TOKENS = 10_000;

/** A grant, and all that it rests on: where any of this differs, the token is verified anew. */
interface Grant {
  readonly claims: PathClaims;
  readonly address: string;
  /** keys, policies and revocations that it was made under */
  readonly securityRevision: number;
}

/** The gate of one edge. */
export class Gate {
  readonly #feed: FeedState;
  readonly #grants = new LRUCache<string, Grant>({ max: REMEMBERED_TOKENS });

  constructor(feed: FeedState) {
    this.#feed = feed;
  }

  /**
   * A token that is there is checked, whatever the stream's policy. Without one only a public stream is open; whether another
   * one exists is told to nobody without a good token.
   */
  authorise({ stream, token }: Target, viewer: Viewer): Verdict {
    const { streams, cursor } = this.#feed;
    if (cursor === null) return { kind: 'refused', code: 'not_ready' };
    if (token === null) return streams.get(stream)?.policy === 'public' ? PUBLIC : DOOR;
    const verdict = this.#check(token, streamScope(stream), viewer);
    if (verdict.kind !== 'granted' || streams.has(stream)) return verdict;
    return { kind: 'refused', code: 'stream_not_found' };
  }

  /** The same for a pull zone that there is. A public one wants nobody's word, so it is open before the feed's first page. */
  authoriseZone(zone: ZoneEntry, token: string | null, viewer: Viewer): Verdict {
    if (token === null && zone.policy === 'public') return PUBLIC;
    if (this.#feed.cursor === null) return { kind: 'refused', code: 'not_ready' };
    return token === null ? DOOR : this.#check(token, zoneScope(zone.name), viewer);
  }

  #check(token: string, scope: TokenScope, viewer: Viewer): Verdict {
    const feed = this.#feed;
    if (this.#isRemembered(token, scope, viewer)) return PRIVATE;
    const verdict = verifyPathToken(token, { scope, ...viewer }, feed.keyring);
    if (!verdict.ok) return { kind: 'refused', code: verdict.code };
    const { claims } = verdict;
    if (feed.isRevoked(claims.session, scope, claims.notBeforeS * 1000)) {
      return { kind: 'refused', code: 'token_revoked' };
    }
    this.#grants.set(token, { claims, address: viewer.address, securityRevision: feed.securityRevision });
    return PRIVATE;
  }

  #isRemembered(token: string, scope: TokenScope, { address, nowMs }: Viewer): boolean {
    const grant = this.#grants.get(token);
    return (
      grant !== undefined &&
      grant.securityRevision === this.#feed.securityRevision &&
      grant.claims.scope === scope &&
      grant.address === address &&
      hasBegun(grant.claims, nowMs) &&
      nowMs < grant.claims.expiresS * 1000
    );
  }
}

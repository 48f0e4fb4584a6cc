/** Who may have what. Decided from the URL and what the feed told, before anything is looked up. */

import type { FeedState } from '@headwater/protocol/feed-state';
import { verifyPathToken } from '@headwater/protocol/path-token';
import type { ProblemCode } from '@headwater/protocol/problem';
import type { Target } from './target.ts';

export type Verdict =
  /** `private`: the answer is this viewer's alone */
  | { readonly kind: 'granted'; readonly isPrivate: boolean }
  /** no path token, and the stream wants one: a session token may buy it at the door */
  | { readonly kind: 'door' }
  | { readonly kind: 'refused'; readonly code: ProblemCode };

const PUBLIC: Verdict = { kind: 'granted', isPrivate: false };
const PRIVATE: Verdict = { kind: 'granted', isPrivate: true };
const DOOR: Verdict = { kind: 'door' };

/**
 * A token that is there is checked, whatever the stream's policy. Without one only a public stream is open; whether another
 * one exists is told to nobody without a good token.
 */
export function authorise(feed: FeedState, target: Target, viewer: { address: string; nowMs: number }): Verdict {
  if (feed.cursor === null) return { kind: 'refused', code: 'not_ready' };
  const stream = feed.streams.get(target.stream);
  if (target.token === null) return stream?.policy === 'public' ? PUBLIC : DOOR;
  const verdict = verifyPathToken(target.token, { stream: target.stream, ...viewer }, feed.keyring);
  if (!verdict.ok) return { kind: 'refused', code: verdict.code };
  const { session, notBeforeS } = verdict.claims;
  if (feed.isRevoked(session, target.stream, notBeforeS * 1000)) return { kind: 'refused', code: 'token_revoked' };
  return stream === undefined ? { kind: 'refused', code: 'stream_not_found' } : PRIVATE;
}

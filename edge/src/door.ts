/** The door of an edge that is asked directly: a session token buys a path token, and the viewer is sent to it. */

import type { FeedState } from '@headwater/protocol/feed-state';
import { mintPathToken } from '@headwater/protocol/path-token';
import type { ProblemCode } from '@headwater/protocol/problem';
import { type Session, verifySessionToken } from '@headwater/protocol/session-token';
import { findSigningPackage, stripSigningPackage } from '@headwater/protocol/signing-package';
import { type TokenScope, streamScope } from '@headwater/protocol/token-scope';
import { type Target, formatTarget, parseTarget } from './target.ts';

/** What the door reads of a request. */
export interface Knock {
  /** scheme and authority that the viewer used */
  readonly base: string;
  /** path and query as received */
  readonly url: string;
  readonly cookie: string | undefined;
  readonly authorization: string | undefined;
  readonly address: string;
  readonly nowMs: number;
  /** our name in a session token's `aud` */
  readonly audience: string;
}

type Refusal = { readonly ok: false; readonly code: ProblemCode };

export type DoorVerdict = { readonly ok: true; readonly location: string } | Refusal;

/**
 * Looks for a session token that is good for the URL of a request and what that is of. A token for one use only (`jti`) is
 * refused: no edge can tell whether another one has seen it (RFC 9246 §2.1.7); geo's door takes it.
 */
export function admit(
  feed: FeedState,
  scope: TokenScope,
  request: Knock,
): { readonly ok: true; readonly session: Session } | Refusal {
  const found = findSigningPackage({
    uri: request.url,
    cookie: request.cookie,
    authorization: request.authorization,
  });
  if (found === null) return { ok: false, code: 'token_missing' };
  const verdict = verifySessionToken(found.token, {
    uri: request.base + request.url,
    scope,
    address: request.address,
    nowMs: request.nowMs,
    issuers: feed.issuers,
    audience: request.audience,
  });
  if (!verdict.ok) return { ok: false, code: verdict.code };
  const { session } = verdict;
  if (feed.isRevoked(session.id, scope, session.issuedS * 1000)) return { ok: false, code: 'token_revoked' };
  return { ok: true, session };
}

/** The path token of a session; null while there is no key to make it with. */
export function pathTokenOf({ keyring }: FeedState, scope: TokenScope, session: Session): string | null {
  if (keyring.current === null) return null;
  const { id, issuedS, expiresS, bind } = session;
  return mintPathToken({ session: id, scope, notBeforeS: issuedS, expiresS, bind }, keyring);
}

/** Turns a session token into the same target under a path token that ends with it. */
export function knock(feed: FeedState, target: Target, request: Knock): DoorVerdict {
  const scope = streamScope(target.stream);
  const admitted = admit(feed, scope, request);
  if (!admitted.ok) return admitted;
  // What the token was held against is what it opens: beside the parameter nothing may stand that leads elsewhere.
  if (parseTarget(stripSigningPackage(request.url))?.key !== target.key)
    return { ok: false, code: 'session_container' };
  if (!feed.streams.has(target.stream)) return { ok: false, code: 'stream_not_found' };
  const token = pathTokenOf(feed, scope, admitted.session);
  if (token === null) return { ok: false, code: 'not_ready' };
  const query = stripSigningPackage(`?${target.query}`).slice(1);
  return { ok: true, location: formatTarget({ ...target, token }) + (query === '' ? '' : `?${query}`) };
}

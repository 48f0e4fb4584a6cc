/**
 * Why a viewer is sent where: an operator asks the control plane, and that a geo, which knows where addresses are and which edges
 * answer. The question travels inside a token that only the control plane can sign, so geo tells nobody else of the fleet.
 */

import type { Issuer } from './feed.ts';
import { type SigningKey, isSignedBy, parseJws, signJws } from './jws.ts';
import { isStreamName } from './names.ts';
import type { Place } from './node.ts';
import type { RankingRule } from './settings.ts';

/** Where geo answers. */
export const EXPLAIN_PATH = '/explain';
/** The control plane's name in `iss`, for session tokens too. */
export const OWN_ISSUER = 'headwater';

/** Whom it is about. */
export interface ExplainQuestion {
  readonly address: string;
  readonly stream: string;
}

/** What geo knows of a viewer, and how it ranks every edge for it. */
export interface Explanation {
  readonly stream: string;
  /** the geo that answers: another one may see the edges otherwise */
  readonly geo: string;
  readonly viewer: {
    readonly address: string;
    readonly place: Place | null;
    readonly country: string | null;
    readonly asn: number | null;
    /** what it was located by */
    readonly source: string;
  };
  /** the policy's rule that fits the viewer */
  readonly rule: RankingRule | null;
  /** best first; none is left out */
  readonly edges: readonly ExplainedEdge[];
}

export interface ExplainedEdge {
  /** 1 for the one that the viewer is sent to */
  readonly rank: number;
  readonly id: string;
  readonly url: string;
  readonly zone: string;
  readonly failureDomain: string;
  readonly condition: string;
  readonly distanceKm: number | null;
  /** 0…1 of what it can take */
  readonly load: number;
  /** what counts for and against it, in words */
  readonly reasons: readonly string[];
  /** why it is not the first; null for that one */
  readonly notTaken: string | null;
}

/** No door takes it for a session token: its audience is another. */
const AUDIENCE = 'headwater-explain';
const LIFE_SECONDS = 60;

/** Signs a question. */
export function signExplainQuestion({ address, stream }: ExplainQuestion, signer: SigningKey, nowMs: number): string {
  const exp = Math.floor(nowMs / 1000) + LIFE_SECONDS;
  return signJws({ iss: signer.iss, aud: AUDIENCE, exp, address, stream }, signer);
}

/**
 * Reads a question. Null unless the control plane itself has signed it, lately.
 * @param own the control plane as an issuer; a customer's backend has no say here
 */
export function readExplainQuestion(token: string, own: Issuer | undefined, nowMs: number): ExplainQuestion | null {
  const jws = parseJws(token);
  if (jws === null || own === undefined || jws.header['alg'] !== own.alg || !isSignedBy(jws, own)) return null;
  const { aud, exp, address, stream } = jws.payload;
  if (aud !== AUDIENCE || typeof exp !== 'number' || exp * 1000 <= nowMs) return null;
  return typeof address === 'string' && isStreamName(stream) ? { address, stream } : null;
}

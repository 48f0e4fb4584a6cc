/** What is stored of what a request asks for, and whether it may be the answer. */

import { policyOf } from '../http-cache/response-policy.ts';
import { type ReuseVerdict, asksAlone, judgeReuse } from '../http-cache/reuse.ts';
import { selectVariant } from '../http-cache/vary.ts';
import type { Ask } from './ask.ts';
import type { Candidate } from './candidate.ts';

export interface Seen {
  readonly candidates: readonly Candidate[];
  readonly selected: Candidate | null;
  readonly reuse: ReuseVerdict | null;
}

/** Judges what is stored under a key for one request. */
export function look(ask: Ask, candidates: readonly Candidate[], nowMs: number): Seen {
  const selected = selectVariant(candidates, ask.request) ?? null;
  if (selected === null) return { candidates, selected: null, reuse: null };
  const reuse = judgeReuse(ask.request, selected.head, nowMs);
  // Nobody else may have what an authorised request brings, so it refreshes nothing.
  if (reuse.verdict === 'serve-and-refresh' && asksAlone(ask.request)) {
    return { candidates, selected, reuse: { ...reuse, verdict: 'validate' } };
  }
  if (!selected.purge.isStale) return { candidates, selected, reuse };
  // A soft purge: stale from now on, so what must not be served stale is validated, and is no answer in need either.
  // Who keeps it takes it for as good as it looks: that is for the end of the line alone.
  const maySoften = !ask.isForEdge && reuse.onErrorServe && !policyOf(selected.head).mustRevalidateStale;
  const isWanted = reuse.verdict !== 'validate' && !asksAlone(ask.request);
  const verdict = maySoften && isWanted ? 'serve-and-refresh' : 'validate';
  return { candidates, selected, reuse: { ...reuse, verdict, onErrorServe: maySoften, fwd: 'stale' } };
}

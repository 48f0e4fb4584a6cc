/** ★ A media object: a hit is answered at once; what is absent is filled once, and sent while it comes. */

import { deadlineMs, fail, isStillGranted, later } from './answering.ts';
import type { Edge } from './edge.ts';
import { codeOfFill, codeOfStanding, codeOfWhereabouts } from './errors.ts';
import type { Fill } from './fill.ts';
import { handOver, mayHandOver } from './hand-over.ts';
import { type Patience, waitUntil } from './patience.ts';
import * as reply from './reply.ts';
import { type Stored, mediaTypeOf, nameOf } from './stored.ts';
import type { StreamView } from './stream-view.ts';
import { type MediaResource, type Target, formatKey } from './target.ts';
import { isUnderWay, whereabouts } from './timeline-reading.ts';

export type MediaTarget = Target & { readonly resource: MediaResource };

/** A new epoch is in every timeline within a poll; a name under one that is in none by then is nothing. */
export const EPOCH_NEWS_MS = 1_500;
/** What is there comes in a fraction of this; players as we set them up wait for half as long again. */
const HAND_OVER_MS = 1_000;

export function serveMedia(edge: Edge, exchange: reply.Exchange, target: MediaTarget): void {
  const stored = edge.desk.stored(target.key);
  if (stored === undefined) return later(edge, exchange, target, (signal) => fillMedia(edge, exchange, target, signal));
  const nowMs = edge.clock.monotonicMs();
  const sentBytes = reply.replyStored(exchange, stored, {
    edgeId: edge.id,
    cacheStatus: edge.statuses.hit,
    timing: reply.TIMING_HIT,
    age: String(Math.floor((nowMs - (stored.madeMs ?? nowMs)) / 1000)),
    freshness: reply.IMMUTABLE,
  });
  edge.events.answered(target.resource.kind, 'hit', sentBytes);
  edge.ahead.after(edge.views.peek(target.stream), target.resource);
}

/** The object is not here: ask where it stands, join or start its fill, and answer from that. */
async function fillMedia(
  edge: Edge,
  exchange: reply.Exchange,
  target: MediaTarget,
  signal: AbortSignal,
): Promise<void> {
  const startedMs = edge.clock.monotonicMs();
  const patience = { withinMs: deadlineMs(edge, target), signal };
  const view = edge.views.open(target.stream);
  if (view === null) return fail(edge, exchange, target, 'too_many_streams');
  const isLost = (): boolean => view.isLost && mayHandOver(edge, exchange, target);
  await view.until(() => view.standing !== 'unknown' || isLost(), patience);
  const { resource } = target;
  const isUnheard = (): boolean => view.timeline !== undefined && whereabouts(view.timeline, resource) === 'unheard';
  if (isUnheard()) await view.until(() => !isUnheard() || isLost(), { ...patience, withinMs: EPOCH_NEWS_MS });
  if (isLost() && handOver(edge, exchange, target, 'origin-lost')) return;
  if (view.timeline === undefined) return fail(edge, exchange, target, codeOfStanding(view.standing));
  const code = codeOfWhereabouts(whereabouts(view.timeline, resource));
  if (code !== null) return fail(edge, exchange, target, code);
  const opened = edge.desk.open(view, resource);
  if (opened === null) return fail(edge, exchange, target, 'too_many_requests');
  edge.ahead.after(view, resource);
  const { fill, joined } = opened;
  const mayGrow = resource.kind === 'segment' && !reply.wantsWhole(exchange);
  if (await tookTooLong(edge, exchange, target, { fill, view, mayGrow, patience })) return;
  if (mayGrow) await fill.begun(patience);
  if (!isStillGranted(edge, exchange, target)) return;
  if (mayGrow && fill.result === null && fill.filledBytes > 0)
    return growMedia(edge, exchange, target, { fill, view, telling: fillTelling(edge, joined, startedMs) });
  const result = await fill.whole(patience);
  if (!isStillGranted(edge, exchange, target)) return;
  if (!result.ok) return fail(edge, exchange, target, codeOfFill(result.reason));
  const sentBytes = reply.replyStored(exchange, result.stored, fillTelling(edge, joined, startedMs, result.stored));
  edge.events.answered(target.resource.kind, joined ? 'joined' : 'miss', sentBytes);
}

interface Awaited {
  readonly fill: Fill;
  readonly view: StreamView;
  /** the first bytes are enough */
  readonly mayGrow: boolean;
  readonly patience: Patience;
}

/**
 * Where a peer can be asked nobody waits here for long: an origin that does not bring what is known to be there, or that is
 * lost meanwhile, may bring it to the peer. The fill goes on for those who come next.
 */
async function tookTooLong(
  edge: Edge,
  exchange: reply.Exchange,
  target: MediaTarget,
  { fill, view, mayGrow, patience }: Awaited,
): Promise<boolean> {
  if (!mayHandOver(edge, exchange, target)) return false;
  const isDue = view.timeline !== undefined && isUnderWay(view.timeline, target.resource);
  const withinMs = isDue ? Math.min(HAND_OVER_MS, patience.withinMs) : patience.withinMs;
  const isHere = (): boolean => fill.result !== null || (mayGrow && fill.filledBytes > 0);
  await waitUntil(
    () => isHere() || view.isLost,
    { ...patience, withinMs },
    (check) => {
      fill.watch(check);
      const unwatch = view.watch(check);
      return () => {
        fill.unwatch(check);
        unwatch();
      };
    },
  );
  if (isHere() || exchange.response.destroyed) return false;
  if (!handOver(edge, exchange, target, view.isLost ? 'origin-lost' : 'deadline')) return false;
  void fill.whole({ withinMs: edge.limits.deadlineMs });
  return true;
}

/** The fill has begun: its bytes go out as they come in. */
async function growMedia(
  edge: Edge,
  exchange: reply.Exchange,
  target: MediaTarget,
  { fill, view, telling }: { readonly fill: Fill; readonly view: StreamView; readonly telling: reply.Telling },
): Promise<void> {
  const etag = `"${formatKey(target.stream, target.resource)}"`;
  const mayAskAgain = mayHandOver(edge, exchange, target);
  // An answer that stands still is worse than one that breaks off: whoever asks again is sent to a peer.
  const unwatch = view.watch(() => {
    if (view.isLost && mayAskAgain) exchange.response.destroy();
  });
  const sent = await reply.replyGrowing(exchange, fill, { mediaType: mediaTypeOf(target.resource), etag, telling });
  unwatch();
  const isCut = !sent.whole && (fill.result?.ok === false || (view.isLost && mayAskAgain));
  if (isCut) edge.events.answerCut(target.key);
  const outcome = isCut ? 'failed' : 'left';
  edge.events.answered(target.resource.kind, sent.whole ? 'miss' : outcome, sent.bytes);
}

export function fillTelling(edge: Edge, joined: boolean, startedMs: number, stored?: Stored): reply.Telling {
  const tookMs = (edge.clock.monotonicMs() - startedMs).toFixed(1);
  const isKept = stored !== undefined && edge.cache.peek(nameOf(stored)) === stored;
  const cacheStatus = edge.statuses[joined ? 'joined' : 'miss'] + (isKept ? reply.STATUS_STORED : '');
  return { edgeId: edge.id, cacheStatus, freshness: reply.IMMUTABLE, timing: `cache;desc=miss, fill;dur=${tookMs}` };
}

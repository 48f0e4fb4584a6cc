/** ★ A playlist or an MPD: written from the timeline as it is, or as soon as it has come as far as was asked. */

import type { Timeline } from '@headwater/protocol/timeline';
import { deadlineMs, fail, isStillGranted, later } from './answering.ts';
import { type Directives, readDirectives } from './directives.ts';
import type { Edge } from './edge.ts';
import { codeOfStanding } from './errors.ts';
import { handOver, mayHandOver } from './hand-over.ts';
import { hasBegun, isUnknownTrack, writeManifest } from './manifest.ts';
import { type Pathways, pathwaysOf } from './pathways.ts';
import * as reply from './reply.ts';
import type { StreamView } from './stream-view.ts';
import type { ManifestResource, Target } from './target.ts';
import { hasReached, positionOf, tooFar } from './timeline-reading.ts';

export type ManifestTarget = Target & { readonly resource: ManifestResource };

/** A media playlist's URIs are relative: they name no edge. */
const NO_PATHWAYS: Pathways = { ways: [], steeringBase: null };

/** Blocked playlist requests end after this many target durations (RFC 8216bis §6.2.5.2). */
const BLOCKED_TARGETS = 3;
/** Appendix C of RFC 8216bis: a playlist that was waited for keeps for six target durations, another for half of one. */
const BLOCKED_FRESH_TARGETS = 6;

export function serveManifest(edge: Edge, exchange: reply.Exchange, target: ManifestTarget): void {
  const read = readDirectives(target.query);
  if (!read.ok) return fail(edge, exchange, target, read);
  const view = edge.views.open(target.stream);
  if (view === null) return fail(edge, exchange, target, 'too_many_streams');
  const { resource } = target;
  const { directives } = read;
  touchLowLatency(view, resource);
  // One that is getting old keeps a player waiting for news that others have.
  if (view.isLost && handOver(edge, exchange, target, 'origin-lost')) return;
  if (isAnswerable(view, target.resource, directives))
    return sendManifest(edge, exchange, target, { view, directives, waited: false });
  later(edge, exchange, target, (signal) => awaitManifest(edge, exchange, target, { view, directives, signal }));
}

/** Waits for the stream, then for the position that was asked for. */
async function awaitManifest(
  edge: Edge,
  exchange: reply.Exchange,
  target: ManifestTarget,
  {
    view,
    directives,
    signal,
  }: { readonly view: StreamView; readonly directives: Directives; readonly signal: AbortSignal },
): Promise<void> {
  const patience = { withinMs: deadlineMs(edge, target), signal };
  const isLost = (): boolean => view.isLost && mayHandOver(edge, exchange, target);
  await view.until(() => hasSettled(view, target.resource) || isLost(), patience);
  if (isLost() && handOver(edge, exchange, target, 'origin-lost')) return;
  if (!isStillGranted(edge, exchange, target)) return;
  if (view.timeline === undefined) return fail(edge, exchange, target, codeOfStanding(view.standing));
  const { resource } = target;
  const { wanted } = directives;
  if (!hasBegun(view.timeline, target.resource)) {
    return fail(edge, exchange, target, isUnknownTrack(view.timeline, resource) ? 'track_not_found' : 'too_early');
  }
  touchLowLatency(view, resource);
  if (resource.kind !== 'playlist' || resource.flavour !== 'low-latency' || wanted === null) {
    return sendManifest(edge, exchange, target, { view, directives, waited: false });
  }
  const at = positionOf(view.timeline, resource.track);
  const excess = at === null ? null : tooFar(view.timeline, at, wanted);
  if (excess !== null) {
    const detail = `the newest segment is ${at?.number}, of ${at?.parts} parts so far`;
    return fail(edge, exchange, target, { code: `hls_${excess}_too_far`, detail });
  }
  const withinMs = BLOCKED_TARGETS * targetMs(view.timeline);
  const isReached = (): boolean => isAnswerable(view, target.resource, directives);
  await view.until(() => isReached() || isLost(), { withinMs, signal });
  const reached = isReached();
  if (!reached && isLost() && handOver(edge, exchange, target, 'origin-lost')) return;
  if (!isStillGranted(edge, exchange, target)) return;
  if (!reached) return fail(edge, exchange, target, 'blocked_too_long');
  sendManifest(edge, exchange, target, { view, directives, waited: true });
}

function touchLowLatency(view: StreamView, resource: ManifestResource): void {
  if (resource.kind === 'playlist' && resource.flavour === 'low-latency') view.touchLowLatency(resource.track);
}

/** Whether it is known what to say of a manifest: that its stream is not there, or what is in it. */
function hasSettled(view: StreamView, resource: ManifestResource): boolean {
  if (view.timeline === undefined) return view.standing !== 'unknown';
  return hasBegun(view.timeline, resource) || isUnknownTrack(view.timeline, resource);
}

/** Whether the answer can be written now. A stream that went away is answered at once too, as such. */
function isAnswerable(view: StreamView, resource: ManifestResource, { wanted }: Directives): boolean {
  const { timeline } = view;
  if (timeline === undefined) return view.standing !== 'unknown';
  if (!hasBegun(timeline, resource)) return false;
  if (resource.kind !== 'playlist' || resource.flavour !== 'low-latency' || wanted === null) return true;
  return timeline.state !== 'live' || hasReached(timeline, resource.track, wanted);
}

function sendManifest(
  edge: Edge,
  exchange: reply.Exchange,
  target: ManifestTarget,
  {
    view,
    directives,
    waited,
  }: { readonly view: StreamView; readonly directives: Directives; readonly waited: boolean },
): void {
  const { timeline } = view;
  if (timeline === undefined) return fail(edge, exchange, target, codeOfStanding(view.standing));
  const { host } = exchange.request.headers;
  const base = host === undefined ? '' : `${edge.scheme}://${host}`;
  const pathways = target.resource.kind === 'playlist' ? NO_PATHWAYS : pathwaysOf(edge.feed, edge.id, target.stream);
  const stored = writeManifest(view, timeline, target, { directives, nowMs: edge.clock.nowMs(), base, pathways });
  if (stored === null) return fail(edge, exchange, target, 'too_early');
  const { hit, blocked } = edge.statuses;
  const sentBytes = reply.replyStored(exchange, stored, {
    edgeId: edge.id,
    cacheStatus: waited ? blocked : hit,
    timing: reply.TIMING_HIT,
    freshness: freshnessOf(target.resource, directives, timeline),
  });
  edge.events.answered(target.resource.kind, waited ? 'blocked' : 'hit', sentBytes);
}

/** A media playlist is the same for all; the others will carry what is one viewer's alone. */
function freshnessOf(resource: ManifestResource, { wanted }: Directives, timeline: Timeline): string {
  if (resource.kind !== 'playlist') return reply.NO_STORE;
  const targetS = targetMs(timeline) / 1000;
  const mayBlock = wanted !== null && resource.flavour === 'low-latency';
  return `max-age=${mayBlock ? targetS * BLOCKED_FRESH_TARGETS : Math.max(1, Math.floor(targetS / 2))}`;
}

function targetMs(timeline: Timeline): number {
  return Math.ceil(timeline.segmentDurationMs / 1000) * 1000;
}

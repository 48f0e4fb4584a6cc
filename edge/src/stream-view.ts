/**
 * What this edge knows of one stream, kept fresh as long as somebody watches it here: the timeline is followed by long-poll,
 * and for each track watched at low latency one request for the next part is always outstanding. A waiter is released by
 * whichever brings the news first, the timeline or the part itself.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { type Timeline, applyChange } from '@headwater/protocol/timeline';
import { backoffMs } from '@headwater/service/backoff';
import type { Clock } from '@headwater/service/clock';
import type { FillResult } from './fill.ts';
import type { OriginClient, TimelineAnswer } from './origin-client.ts';
import { type Patience, waitUntil } from './patience.ts';
import { Pulse } from './pulse.ts';
import type { PartFacts, Stored } from './stored.ts';
import {
  type PartName,
  type Position,
  neverBack,
  nextPart,
  positionOf,
  windowOf,
  withPart,
} from './timeline-reading.ts';

/** `unknown`: nobody has answered yet. `unreachable`: nobody ever did, and the last try failed. */
export type Standing = 'unknown' | 'on-air' | 'offline' | 'absent' | 'unreachable';

interface StreamViewOptions {
  readonly stream: string;
  readonly client: Pick<OriginClient, 'timeline' | 'probe'>;
  /** brings a part into the cache, and tells the view of it by {@link StreamView.learn} */
  readonly fetchPart: (name: PartName) => Promise<FillResult>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly onTrouble: (stream: string, cause: unknown) => void;
  /** nobody asked for a while: the view has stopped and knows nothing of the present any more */
  readonly onIdle: () => void;
}

/** The timeline is followed this long after the last request. */
const FOLLOW_IDLE_MS = 30_000;
/** Parts are fetched ahead this long after the last request of a low-latency playlist. */
const LOW_LATENCY_IDLE_MS = 10_000;
/** A live stream whose origin vanished is shown as last known for so long: the publisher or the origin may return. */
const ORIGIN_GRACE_MS = 60_000;
/** The least time between two polls: parts come on their own, so the timeline need not be read for each. */
const POLL_PACE_MS = 50;
const RETRY = { firstMs: 100, maxMs: 1_000 } as const;
const PART_RETRY_MS = 250;
/** A live stream brings a part each part duration. After so many without one its origin is asked whether it is there. */
const SILENT_PARTS = 1.5;
/** Before anything is known of a stream. */
const SILENT_MS = 700;

export class StreamView {
  readonly stream: string;
  /** the newest playlists by name, and the version they were written from */
  readonly rendered = new Map<string, { readonly version: number; readonly stored: Stored }>();
  readonly #options: StreamViewOptions;
  readonly #stop = new AbortController();
  #poll = new AbortController();
  readonly #waiters = new Set<() => void>();
  readonly #pulse: Pulse;
  /** by track, while its parts are fetched ahead */
  readonly #lowLatencyUntilMs = new Map<string, number>();
  #timeline: Timeline | undefined;
  #via: readonly string[] = [];
  #standing: Standing = 'unknown';
  #version = 0;
  #askedMs: number;
  #answeredMs = 0;

  constructor(options: StreamViewOptions) {
    this.#options = options;
    this.stream = options.stream;
    this.#askedMs = options.clock.monotonicMs();
    this.#pulse = new Pulse({
      clock: options.clock,
      silentMs: () => this.#silentMs(),
      probe: () => this.#probe(),
      onChange: () => this.#wake(),
    });
    void this.#follow();
  }

  /** Undefined unless the stream is on air. */
  get timeline(): Timeline | undefined {
    return this.#timeline;
  }

  get standing(): Standing {
    return this.#standing;
  }

  /** The origin of a live stream does not answer, so what is known of the stream is getting old. */
  get isLost(): boolean {
    return this.#pulse.isLost;
  }

  /** The edges that the timeline came through, the nearest last. */
  get via(): readonly string[] {
    return this.#via;
  }

  /** Grows with every change of the timeline. */
  get version(): number {
    return this.#version;
  }

  /** How many tracks' parts are fetched ahead. */
  get followedTracks(): number {
    return this.#lowLatencyUntilMs.size;
  }

  /** Somebody asked: the view goes on. */
  touch(): void {
    this.#askedMs = this.#options.clock.monotonicMs();
  }

  /** Somebody watches this track at low latency. One that the stream does not have is followed by nobody. */
  touchLowLatency(track: string): void {
    if (this.#timeline === undefined || windowOf(this.#timeline, track) === undefined || this.#stop.signal.aborted)
      return;
    const isFollowed = this.#lowLatencyUntilMs.has(track);
    this.#lowLatencyUntilMs.set(track, this.#options.clock.monotonicMs() + LOW_LATENCY_IDLE_MS);
    if (!isFollowed) void this.#followParts(track).finally(() => this.#lowLatencyUntilMs.delete(track));
  }

  /** Takes in what a part told of itself. */
  learn(name: PartName, facts: PartFacts, bytes: number): void {
    this.#pulse.heard();
    if (this.#timeline !== undefined) this.#set(withPart(this.#timeline, name, facts, bytes));
  }

  /** Calls back after each change, until the function that it returns is called. */
  watch(onChange: () => void): () => void {
    this.#waiters.add(onChange);
    return () => this.#waiters.delete(onChange);
  }

  /** Waits until something holds; false when it does not in time or the view stops. */
  async until(holds: () => boolean, patience: Patience): Promise<boolean> {
    const isOver = (): boolean => this.#stop.signal.aborted || holds();
    await waitUntil(isOver, patience, (check) => this.watch(check));
    return holds();
  }

  /** Ends the following; whoever waits is let go. */
  stop(): void {
    this.#stop.abort();
    this.#poll.abort();
    this.#pulse.stop();
    this.#wake();
  }

  /** Polls the timeline until nobody has asked for a while. */
  async #follow(): Promise<void> {
    const { clock, client, random, onIdle } = this.#options;
    let failures = 0;
    while (!this.#stop.signal.aborted && clock.monotonicMs() - this.#askedMs < FOLLOW_IDLE_MS) {
      const startedMs = clock.monotonicMs();
      this.#poll = new AbortController();
      const known = { since: this.#timeline?.revision ?? null, standing: this.#standing };
      const answer = await client.timeline(this.stream, known, this.#poll.signal);
      if (this.#stop.signal.aborted) break;
      if (this.#poll.signal.aborted) continue;
      this.#take(answer);
      failures = answer.kind === 'change' ? 0 : failures + 1;
      const delayMs = failures > 0 ? backoffMs(failures - 1, { ...RETRY, random }) : POLL_PACE_MS;
      await this.#sleep(delayMs - (clock.monotonicMs() - startedMs));
    }
    this.stop();
    onIdle();
  }

  #take(answer: TimelineAnswer): void {
    const { clock, onTrouble } = this.#options;
    if (answer.kind === 'unreachable') this.#pulse.failed();
    else this.#pulse.heard();
    switch (answer.kind) {
      case 'change': {
        this.#answeredMs = clock.monotonicMs();
        const next = applyChange(this.#timeline, answer.change);
        this.#standing = 'on-air';
        this.#via = answer.via;
        this.#set(neverBack(this.#timeline, next));
        return;
      }
      case 'offline':
      case 'absent':
        if (this.#isInGrace()) return;
        this.#forget(answer.kind);
        return;
      case 'gone':
        return this.#forget(answer.standing);
      case 'unreachable':
        onTrouble(this.stream, answer.cause);
        if (this.#timeline === undefined || !this.#isInGrace()) this.#forget('unreachable');
        return;
    }
  }

  #silentMs(): number {
    if (this.#timeline === undefined) return SILENT_MS;
    return this.#timeline.state === 'live' ? SILENT_PARTS * this.#timeline.partDurationMs : 0;
  }

  /** Whether the origin answers. If it has news that the poll under way did not bring, that poll is stuck. */
  async #probe(): Promise<boolean> {
    const answer = await this.#options.client.probe(this.stream);
    if (answer.kind === 'change' && answer.change.timeline.revision !== this.#timeline?.revision) this.#poll.abort();
    return answer.kind !== 'unreachable';
  }

  /** A stream that was cut off, not ended, may come back. */
  #isInGrace(): boolean {
    if (this.#timeline?.state !== 'live') return false;
    return this.#options.clock.monotonicMs() - this.#answeredMs < ORIGIN_GRACE_MS;
  }

  #forget(standing: Standing): void {
    this.#standing = standing;
    this.#timeline = undefined;
    this.#version += 1;
    this.rendered.clear();
    this.#wake();
  }

  #set(timeline: Timeline): void {
    if (timeline === this.#timeline) return;
    this.#timeline = timeline;
    this.#version += 1;
    this.#wake();
  }

  #wake(): void {
    for (const waiter of this.#waiters) waiter();
  }

  /** Keeps one request for the next part of a track outstanding. */
  async #followParts(track: string): Promise<void> {
    const { clock, fetchPart } = this.#options;
    let next: PartName | null = null;
    while (!this.#stop.signal.aborted && clock.monotonicMs() < (this.#lowLatencyUntilMs.get(track) ?? 0)) {
      const at = this.#timeline?.state === 'live' ? positionOf(this.#timeline, track) : null;
      const version = this.#version;
      if (at !== null) {
        const name: PartName = next !== null && followsOn(next, at) ? next : nextPart(at, track);
        const result = await fetchPart(name);
        next = result.ok ? after(name, result.stored.part?.last === true) : null;
        if (result.ok || result.reason === 'too-early') continue;
      }
      await this.until(() => this.#version !== version, { withinMs: PART_RETRY_MS });
    }
  }

  async #sleep(ms: number): Promise<void> {
    if (ms <= 0 || this.#stop.signal.aborted) return;
    await sleep(ms, undefined, { signal: this.#stop.signal }).catch((error: unknown) => {
      if (!this.#stop.signal.aborted) throw error;
    });
  }
}

/** A follower may be behind the timeline by a segment, to bring its parts into the cache; not by more. */
function followsOn(next: PartName, at: Position): boolean {
  return next.epoch === at.epoch && next.number >= at.number - 1;
}

function after(name: PartName, last: boolean): PartName {
  return last ? { ...name, number: name.number + 1, part: 0 } : { ...name, part: name.part + 1 };
}

/**
 * A live stream as edges see it: samples go in, parts and segments are cut, the timeline tells of them, and requests for the
 * next ones wait. It outlives its publisher and its encoder; only a process's end ends it.
 */

import { writeFragment } from '@headwater/media/mp4/fragment';
import { type TrackInit, writeInit } from '@headwater/media/mp4/init';
import type { Sample } from '@headwater/media/mp4/sample';
import { makeEpochId } from '@headwater/protocol/names';
import {
  type Epoch,
  KEPT_BEHIND_WINDOW,
  type Segment,
  type Timeline,
  type TimelineChange,
  type Track,
  segmentTicks,
} from '@headwater/protocol/timeline';
import type { Clock } from '@headwater/service/clock';
import { type CutPart, PartCutter } from './part-cutter.ts';
import type { FrameRate, PartGrid } from './part-grid.ts';
import { type StoredPart, type StoredSegment, TrackWindow, describeSegment } from './track-window.ts';
import { Waiters } from './waiters.ts';

/** How long and how large a stream's window may be. */
export interface LiveLimits {
  readonly windowSegments: number;
  readonly windowBytes: number;
  readonly waiters: number;
}

/** A track as the ladder planned it; the rest is in its init. */
export interface TrackShape {
  readonly id: string;
  readonly init: TrackInit;
  readonly bandwidth: number;
  readonly frameRate?: FrameRate;
}

export interface EpochStart {
  readonly ordinal: number;
  /** samples of earlier segments are dropped: those numbers belong to another epoch */
  readonly firstSegment: number;
  /** its numbers are below those of before: nothing of those stays */
  readonly anew?: boolean;
  readonly grid: PartGrid;
  readonly tracks: readonly TrackShape[];
}

export interface LiveStreamOptions {
  readonly name: string;
  readonly limits: LiveLimits;
  readonly clock: Clock;
  readonly randomBytes: (count: number) => Uint8Array;
  /** after each segment with a number above all others */
  readonly onSegment?: (number: number, ordinal: number) => void;
  /** after each part */
  readonly onGrown?: () => void;
}

interface LiveTrack {
  readonly track: Track;
  readonly muxTrackId: number;
  readonly init: Uint8Array;
  readonly cutter: PartCutter;
  readonly window: TrackWindow;
  sequence: number;
}

/** What there is under a part's or segment's name. `later` may come; `never` will not. */
export type Lookup<T> = { readonly kind: 'found'; readonly value: T } | { readonly kind: 'later' | 'never' };

/** A request may wait for segments this far ahead of the newest. */
const WAIT_AHEAD_SEGMENTS = 2;

export class LiveStream {
  readonly name: string;
  readonly waiters: Waiters;
  readonly #options: LiveStreamOptions;
  readonly #tracks = new Map<string, LiveTrack>();
  /** headers by track and epoch, as long as the epoch is told of */
  readonly #inits = new Map<string, Uint8Array>();
  #epochs: Epoch[] = [];
  #grid: PartGrid | null = null;
  #revision: number;
  /** a change since an older revision cannot be told as a difference */
  #wholeSince: number;
  #newestNumber = -1;
  #ended = false;

  constructor(options: LiveStreamOptions) {
    this.#options = options;
    this.name = options.name;
    this.waiters = new Waiters(options.limits.waiters);
    // Revisions grow over restarts because the wall clock does.
    this.#revision = Math.floor(options.clock.nowMs() * 1000);
    this.#wholeSince = this.#revision;
  }

  get revision(): number {
    return this.#revision;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get bytes(): number {
    let bytes = 0;
    for (const { window } of this.#tracks.values()) bytes += window.bytes;
    return bytes;
  }

  /** Whether every track of the newest epoch has media: before that there is nothing to tell. */
  get playable(): boolean {
    const epoch = this.#epochs.at(-1);
    return epoch !== undefined && this.#newestOf(epoch).every((segment) => segment !== undefined);
  }

  get epoch(): Epoch | undefined {
    return this.#epochs.at(-1);
  }

  /** Number of the newest segment on any track, -1 before the first. */
  get newestNumber(): number {
    return this.#newestNumber;
  }

  /** Decode time at which a track's next sample is due, in its ticks; null when it has none. */
  nextTicks(trackId: string): number | null {
    const next = this.#tracks.get(trackId)?.cutter.nextDtsTicks ?? -Infinity;
    return next === -Infinity ? null : next;
  }

  /** Whether these tracks can go on in the newest epoch: same tracks, same headers, same grid. */
  continues(tracks: readonly TrackShape[], grid: PartGrid): boolean {
    if (this.#ended || this.#tracks.size !== tracks.length || grid.partsPerSegment !== this.#grid?.partsPerSegment)
      return false;
    return tracks.every(({ id, init }) => {
      const known = this.#tracks.get(id);
      return known !== undefined && Buffer.compare(known.init, writeInit(init)) === 0;
    });
  }

  /** Opens an epoch with its tracks. Tracks that it does not name are gone at once, and epochs that have no media. */
  openEpoch(start: EpochStart): Epoch {
    const id = makeEpochId(Math.floor(this.#options.clock.nowMs()), this.#options.randomBytes(5));
    this.#flushAll(start.firstSegment);
    if (start.anew === true) this.#beginAnew(start.firstSegment);
    this.#grid = start.grid;
    this.#ended = false;
    const epoch = { id, ordinal: this.#ordinalFor(start.ordinal), firstSegment: start.firstSegment };
    this.#epochs.push(epoch);
    const before = new Map(this.#tracks);
    this.#tracks.clear();
    for (const shape of start.tracks) {
      const track = this.#makeTrack(shape, start.grid, before.get(shape.id)?.window ?? new TrackWindow());
      this.#tracks.set(shape.id, track);
      this.#inits.set(`${shape.id}/${id}`, track.init);
    }
    this.#forgetEpochs();
    this.#wholeSince = this.#bump();
    this.waiters.wakeAll();
    return epoch;
  }

  /** Takes a track's next sample, in decode order, on the wall clock's ticks. */
  push(trackId: string, sample: Sample): void {
    const live = this.#tracks.get(trackId);
    const epoch = this.#epochs.at(-1);
    if (live === undefined || epoch === undefined) return;
    for (const part of live.cutter.push(sample)) this.#publish(live, epoch, part);
  }

  /** No more media: what is pending is published, segments are closed, waiters are let go. */
  end(): void {
    if (this.#ended) return;
    this.#flushAll();
    this.#ended = true;
    this.#bump();
    this.waiters.wakeAll();
  }

  /**
   * The oldest number goes, on every track alike, and all are told the whole window anew.
   * @returns false when there is none to spare
   */
  dropOldest(): boolean {
    // The newest of a track always stays, also of one that has come to a stand.
    const droppable = [...this.#tracks.values()].filter(({ window }) => window.segments.length > 1);
    const oldest = Math.min(...droppable.map(({ window }) => window.segments[0]?.number ?? Infinity));
    if (!this.#dropBelow(oldest + 1)) return false;
    this.#wholeSince = this.#bump();
    return true;
  }

  /** @returns null when there is nothing newer than `since` */
  change(since: number | null): TimelineChange | null {
    if (since === this.#revision) return null;
    const full = since === null || since < this.#wholeSince || since > this.#revision;
    const newerThan = full ? -1 : since;
    return { full, timeline: this.#describe((segment) => segment.revision > newerThan) };
  }

  /** The answer to a wait that nothing ended: the head, and no segments. */
  noChange(): TimelineChange {
    return { full: false, timeline: this.#describe(() => false) };
  }

  init(trackId: string, epoch: string): Uint8Array | undefined {
    return this.#inits.get(`${trackId}/${epoch}`);
  }

  hasTrack(trackId: string): boolean {
    return this.#tracks.has(trackId);
  }

  segment(trackId: string, epoch: string, number: number): Lookup<StoredSegment> {
    const window = this.#tracks.get(trackId)?.window;
    const found = window?.find(number);
    if (found?.epoch === epoch) return { kind: 'found', value: found };
    const newest = window?.newest?.number ?? this.#newestNumber;
    const ahead = number > newest && number <= this.#newestNumber + WAIT_AHEAD_SEGMENTS;
    const current = epoch === this.#epochs.at(-1)?.id;
    return { kind: current && ahead && !this.#ended ? 'later' : 'never' };
  }

  part(name: {
    readonly track: string;
    readonly epoch: string;
    readonly number: number;
    readonly part: number;
  }): Lookup<StoredPart> {
    const segment = this.segment(name.track, name.epoch, name.number);
    if (segment.kind !== 'found') return segment;
    const part = segment.value.parts[name.part];
    if (part !== undefined) return { kind: 'found', value: part };
    return { kind: segment.value.complete || this.#ended ? 'never' : 'later' };
  }

  /**
   * An epoch without media was in no playlist: the next one takes its ordinal, for players count the discontinuities that they
   * are shown (RFC 8216bis §4.4.3.3).
   */
  #ordinalFor(wanted: number): number {
    const before = this.#epochs.at(-1);
    if (before === undefined || wanted !== before.ordinal + 1) return wanted;
    return this.#newestOf(before).every((segment) => segment === undefined) ? before.ordinal : wanted;
  }

  /** Players know segments by number: those of before would come after what is new. */
  #beginAnew(firstSegment: number): void {
    this.#newestNumber = firstSegment - 1;
    this.#epochs = [];
    this.#inits.clear();
    this.#tracks.clear();
  }

  #makeTrack(shape: TrackShape, grid: PartGrid, window: TrackWindow): LiveTrack {
    const { init, id, bandwidth, frameRate } = shape;
    const { kind, codec, timescale, width, height, channels, sampleRate, language } = init;
    const ticks = segmentTicks(timescale, grid.segmentDurationMs);
    const head: Track = {
      id,
      kind,
      codec,
      bandwidth,
      timescale,
      ...(width === undefined ? {} : { width }),
      ...(height === undefined ? {} : { height }),
      ...(frameRate === undefined ? {} : { frameRate }),
      ...(channels === undefined ? {} : { channels }),
      ...(sampleRate === undefined ? {} : { sampleRate }),
      ...(language === undefined ? {} : { language }),
    };
    const cutter = new PartCutter(ticks, ticks / grid.partsPerSegment);
    return { track: head, muxTrackId: init.trackId, init: writeInit(init), cutter, window, sequence: 0 };
  }

  #publish(live: LiveTrack, epoch: Epoch, cut: CutPart): void {
    const [first] = cut.samples;
    if (first === undefined || cut.number < epoch.firstSegment) return;
    const revision = this.#bump();
    const segment = this.#segmentFor(
      live,
      { number: cut.number, epoch: epoch.id, startTicks: first.dtsTicks },
      revision,
    );
    const opens = segment.parts.length === 0;
    live.sequence += 1;
    const data = writeFragment({
      sequence: live.sequence,
      trackId: live.muxTrackId,
      samples: cut.samples,
      styp: opens,
      // Media time is the wall clock at which the frame was taken (24: captured).
      ...(opens && live.track.kind === 'video' ? { prft: referenceTime(first, live.track.timescale) } : {}),
    });
    live.window.append(segment, {
      data,
      bytes: data.length,
      durationTicks: cut.samples.reduce((sum, sample) => sum + sample.durationTicks, 0),
      independent: live.track.kind === 'audio' || first.sync,
      last: cut.last,
      revision,
    });
    this.#keepWithinBytes();
    this.#options.onGrown?.();
    this.waiters.wake(`${live.track.id}/${cut.number}`);
    this.waiters.wake('timeline');
  }

  #segmentFor(
    live: LiveTrack,
    start: Pick<StoredSegment, 'number' | 'epoch' | 'startTicks'>,
    revision: number,
  ): StoredSegment {
    const newest = live.window.newest;
    if (newest?.number === start.number && newest.epoch === start.epoch && !newest.complete) return newest;
    const opened = live.window.open(start, revision);
    // Those who wait for a number that this one skips are let go, too.
    const passed = Math.min(WAIT_AHEAD_SEGMENTS + 1, start.number - (newest?.number ?? start.number));
    for (let back = 1; back <= passed; back += 1) this.waiters.wake(`${live.track.id}/${start.number - back}`);
    if (start.number > this.#newestNumber) {
      this.#newestNumber = start.number;
      this.#dropBelow(start.number - this.#options.limits.windowSegments - KEPT_BEHIND_WINDOW + 1);
      this.#options.onSegment?.(start.number, this.#epochs.at(-1)?.ordinal ?? 0);
    }
    return opened;
  }

  #keepWithinBytes(): void {
    while (this.bytes > this.#options.limits.windowBytes && this.dropOldest());
  }

  #dropBelow(number: number): boolean {
    let dropped = false;
    for (const { window } of this.#tracks.values()) dropped = window.dropBelow(number) || dropped;
    if (dropped) this.#forgetEpochs();
    return dropped;
  }

  #forgetEpochs(): void {
    const told = new Set<string | undefined>([this.#epochs.at(-1)?.id]);
    for (const { window } of this.#tracks.values()) for (const { epoch } of window.segments) told.add(epoch);
    this.#epochs = this.#epochs.filter(({ id }) => told.has(id));
    for (const key of this.#inits.keys()) if (!told.has(key.slice(key.indexOf('/') + 1))) this.#inits.delete(key);
  }

  /** Closes what is open; of pending samples those below a number are published, for the others belong to another epoch. */
  #flushAll(below = Infinity): void {
    const epoch = this.#epochs.at(-1);
    for (const live of this.#tracks.values()) {
      const rest = live.cutter.flush();
      if (rest !== null && epoch !== undefined && rest.number < below) this.#publish(live, epoch, rest);
      live.window.closeNewest(this.#bump());
    }
  }

  #newestOf(epoch: Epoch): (StoredSegment | undefined)[] {
    return [...this.#tracks.values()].map(({ window }) =>
      window.newest?.epoch === epoch.id ? window.newest : undefined,
    );
  }

  #describe(wanted: (segment: StoredSegment) => boolean): Timeline {
    const windows: Record<string, readonly Segment[]> = {};
    for (const [id, { window }] of this.#tracks) windows[id] = window.segments.filter(wanted).map(describeSegment);
    return {
      stream: this.name,
      revision: this.#revision,
      state: this.#ended ? 'ended' : 'live',
      segmentDurationMs: this.#grid?.segmentDurationMs ?? 0,
      partDurationMs: this.#grid?.partDurationMs ?? 0,
      partTargetMs: this.#grid?.partTargetMs ?? 0,
      anchorMs: 0,
      windowSegments: this.#options.limits.windowSegments,
      epochs: this.#epochs,
      tracks: [...this.#tracks.values()].map(({ track }) => track),
      windows,
    };
  }

  #bump(): number {
    this.#revision += 1;
    return this.#revision;
  }
}

function referenceTime(first: Sample, timescale: number) {
  return { wallClockMs: (first.ptsTicks * 1000) / timescale, mediaTimeTicks: first.ptsTicks, flags: 24 };
}

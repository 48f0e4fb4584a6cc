/**
 * A stream on air, from its publisher's packets to its live window: read → put on the wall clock → (stand in for a silence) →
 * encode → cut. It outlives its publisher by a grace, so that a return is no end.
 */

import { writeAudioSpecificConfig } from '@headwater/media/codec/aac';
import { type StreamMetadata, readMetadata } from '@headwater/media/flv/metadata';
import { readAudioBody, readVideoBody, writeAacHeaderBody } from '@headwater/media/flv/tag-body';
import type { Ladder } from '@headwater/protocol/feed';
import type { Clock } from '@headwater/service/clock';
import { PublishError } from './errors.ts';
import type { StreamEvents } from './events.ts';
import { Filler } from './filler.ts';
import { Encoder, type EncoderTarget } from './ladder/encoder.ts';
import { FrameGrid } from './ladder/frame-grid.ts';
import { believedFrameRate } from './ladder/frame-rate.ts';
import { Overload } from './ladder/overload.ts';
import { AUDIO_CHANNELS, AUDIO_SAMPLE_RATE, type LadderPlan, planLadder, withoutTopRung } from './ladder/plan.ts';
import { frameDurationMs } from './live/part-grid.ts';
import { type AacSource, type AvcSource, GroupCache, readAacSource, readAvcSource } from './ladder/source.ts';
import type { PublishPacket } from './publish.ts';
import { type MediaKind, Retimer } from './retime.ts';

export interface BroadcastOptions {
  readonly name: string;
  readonly ladder: Ladder | null;
  readonly segmentDurationMs: number;
  /** after this much silence the stream ends */
  readonly graceMs: number;
  readonly cores: number;
  readonly ffmpegPath: string;
  readonly socketFolder: string;
  /** without leaps */
  readonly clock: Clock;
  readonly random: () => number;
  readonly events: StreamEvents;
  /** the live window, for one plan */
  readonly target: (plan: LadderPlan, succeeds: boolean) => EncoderTarget;
}

/** A publisher's first packets are looked at together: they may have waited for its connection. */
const SETTLE_MS = 80;
/** So long a stream waits for its publisher's other half before it goes on air without. */
const SOUND_WAIT_MS = 300;
const PICTURE_WAIT_MS = 1_000;
const TICK_MS = 20;
/** From a camera through the fastest encoder to here takes no less: a frame was taken that long before it came. */
const LEAST_WAY_MS = 20;
/** Sound that begins earlier than this before the end of what was given out is dropped: silence stood in for it. */
const LATE_SOUND_MS = 10;
/** Held packets while the first ones settle. */
const MAX_HELD_PACKETS = 512;

interface Frame {
  readonly kind: MediaKind;
  readonly keyframe: boolean;
  /** on the publisher's clock */
  readonly ptsMs: number;
  readonly compositionMs: number;
  readonly payload: Uint8Array;
  readonly arrivedMs: number;
}

/** No frame was taken so much later than it arrived, whatever its stamp says. */
const AHEAD_LIMIT_MS = 5_000;
const OWN_SOUND = readOwnSound();

export class Broadcast implements AsyncDisposable {
  readonly #options: BroadcastOptions;
  readonly #retimer = new Retimer();
  readonly #filler = new Filler();
  readonly #ticking: NodeJS.Timeout;
  readonly #ended = Promise.withResolvers<string>();
  readonly #firstSeenMs: Record<MediaKind, number> = { audio: Infinity, video: Infinity };
  #group = new GroupCache(true);
  #held: Frame[] | null = [];
  #metadata: StreamMetadata = new Map();
  #avc: AvcSource | null = null;
  #aac: AacSource | null = null;
  #plan: LadderPlan | null = null;
  /** what is left of the plan, once the encoder was too slow for all of it */
  #shedPlan: LadderPlan | null = null;
  #overload: Overload;
  #grid: FrameGrid | null = null;
  #encoder: Encoder | null = null;
  /** set while an encoder writes out its rest */
  #closing: Promise<void> | null = null;
  #heardMs: number;
  /** its publisher is made to wait */
  #holdsBack = false;
  #over = false;

  constructor(options: BroadcastOptions) {
    this.#options = options;
    this.#heardMs = options.clock.nowMs();
    this.#overload = new Overload(options.random);
    this.#ticking = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Resolves with the reason when the stream is off air for good. */
  get ended(): Promise<string> {
    return this.#ended.promise;
  }

  /** Whether it is ending or has ended. */
  get isOver(): boolean {
    return this.#over;
  }

  /** How long its publisher has sent nothing, though it could. */
  get silentMs(): number {
    return this.#holdsBack ? 0 : this.#options.clock.nowMs() - this.#heardMs;
  }

  /** How far the newest sample that came out is behind the wall clock; null before the first. */
  get behindMs(): number | null {
    const newestMs = this.#encoder?.newestOutputMs ?? null;
    return newestMs === null ? null : this.#options.clock.nowMs() - newestMs;
  }

  /** A publisher takes the stream: its clock and its first packets are judged anew. */
  beginSession(): void {
    this.#release();
    this.#retimer.beginSession();
    this.#held = [];
    this.#metadata = new Map();
    this.#heardMs = this.#options.clock.nowMs();
    this.#holdsBack = false;
  }

  /**
   * @returns false when the publisher should wait for {@link drained}
   * @throws MediaError or Error when the publisher sends what this origin cannot take
   */
  write(packet: PublishPacket): boolean {
    if (this.#over) return true;
    this.#heardMs = this.#options.clock.nowMs();
    switch (packet.kind) {
      case 'data':
        this.#metadata = readMetadata(packet.payload);
        return true;
      case 'video':
        return this.#readVideo(packet);
      case 'audio':
        return this.#readAudio(packet);
    }
  }

  async drained(): Promise<void> {
    this.#holdsBack = true;
    await this.#encoder?.drained();
    this.#holdsBack = false;
    this.#heardMs = this.#options.clock.nowMs();
    this.#retimer.excuse(this.#heardMs);
    this.#filler.excuse(this.#heardMs);
  }

  /** Off air: what is in the encoder still comes out. */
  async end(reason: string): Promise<void> {
    if (!this.#over) {
      this.#over = true;
      clearInterval(this.#ticking);
      this.#closeEncoder();
      await this.#closing;
      this.#ended.resolve(reason);
    }
    await this.#ended.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('the origin stops');
  }

  #readVideo({ payload, timestampMs }: PublishPacket): boolean {
    const body = readVideoBody(payload);
    switch (body.kind) {
      case 'sequence-header':
        if (this.#avc === null || Buffer.compare(payload, this.#avc.payload) !== 0)
          this.#takeAvc(readAvcSource(payload, body.data));
        return true;
      case 'frame': {
        const { keyframe, compositionMs } = body;
        if (this.#avc === null) return true;
        return this.#arrive({ kind: 'video', keyframe, compositionMs, ptsMs: timestampMs + compositionMs, payload });
      }
      case 'end':
      case 'command':
        return true;
      case 'foreign':
        throw new PublishError('codec_unsupported', `video of codec ${body.codec}: only plain H.264 is taken`);
      case 'other':
        throw new PublishError('media_malformed', 'video that is too short, or of no known kind');
    }
  }

  #readAudio({ payload, timestampMs }: PublishPacket): boolean {
    const body = readAudioBody(payload);
    switch (body.kind) {
      case 'sequence-header':
        this.#takeAac(readAacSource(payload, body.data));
        return true;
      case 'frame':
        if (this.#aac === null || this.#aac === OWN_SOUND) return true;
        return this.#arrive({ kind: 'audio', keyframe: false, compositionMs: 0, ptsMs: timestampMs, payload });
      case 'other':
        this.#options.events.soundIgnored(this.#options.name);
        return true;
    }
  }

  #takeAvc(source: AvcSource): void {
    this.#release();
    this.#avc = source;
    if (this.#plan === null) return;
    if (this.#plan.video === null) {
      // A picture joins what was sound alone: another shape, so another plan.
      this.#closeEncoder();
      this.#plan = null;
      this.#group = new GroupCache(true);
      return;
    }
    this.#group.reset();
    this.#encoder?.restart();
  }

  #takeAac(source: AacSource): void {
    if (this.#aac !== null && Buffer.compare(source.payload, this.#aac.payload) === 0) {
      // Our own silence had the publisher's shape: from now on its packets are taken.
      if (this.#aac === OWN_SOUND) this.#aac = source;
      return;
    }
    this.#release();
    this.#aac = source;
    this.#filler.setSound(source);
    this.#group.dropSound();
    this.#encoder?.restart();
  }

  #arrive(frame: Omit<Frame, 'arrivedMs'>): boolean {
    const arrivedMs = this.#heardMs;
    this.#firstSeenMs[frame.kind] = Math.min(this.#firstSeenMs[frame.kind], arrivedMs);
    const leapt = this.#retimer.observe(frame.kind, frame.ptsMs, arrivedMs - LEAST_WAY_MS);
    if (this.#held === null) return this.#pass({ ...frame, arrivedMs });
    // What came before a leap of the clock cannot be placed by the clock after it.
    if (leapt) this.#held = [];
    this.#held.push({ ...frame, arrivedMs });
    if (this.#held.length >= MAX_HELD_PACKETS || arrivedMs - (this.#held[0]?.arrivedMs ?? 0) >= SETTLE_MS)
      this.#release();
    return true;
  }

  #release(): void {
    const held = this.#held;
    if (held === null || held.length === 0) return;
    this.#held = null;
    this.#retimer.settle();
    for (const frame of held) this.#pass(frame);
  }

  /** A publisher's frame gets its place in media time and goes to the encoder. */
  #pass({ kind, keyframe, ptsMs, compositionMs, payload, arrivedMs }: Frame): boolean {
    const arrivalMs = this.#retimer.mediaMs(ptsMs);
    const wantedMs = this.#grid === null ? arrivalMs : this.#place(this.#grid, kind, arrivalMs);
    if (kind === 'audio' && wantedMs < this.#filler.soundEndMs - LATE_SOUND_MS) return true;
    // Times never go back: one frame from the future would hold all that follow it there, also one whose composition time
    // puts it, or its decoding, there.
    const decodeMs = Math.max(wantedMs - compositionMs, this.#retimer.lastMs(kind));
    if (Math.max(wantedMs, decodeMs, decodeMs + compositionMs) > arrivedMs + AHEAD_LIMIT_MS) return true;
    const returns = this.#filler.heard(kind, arrivedMs, wantedMs);
    if (returns && kind === 'video' && !keyframe) this.#replay();
    const timeMs = this.#retimer.give(kind, wantedMs - compositionMs);
    const packet = { kind, keyframe, timeMs, ptsMs: timeMs + compositionMs, payload };
    this.#group.push(packet);
    if (this.#encoder === null) return true;
    return this.#encoder.write(packet);
  }

  #place(grid: FrameGrid, kind: MediaKind, arrivalMs: number): number {
    return kind === 'video' ? grid.snap(arrivalMs) : arrivalMs + grid.shiftMs;
  }

  /** The frames after the stall build on those before it, not on the key frame that stood in for them. */
  #replay(): void {
    if (this.#encoder?.isFull === true) return;
    for (const { payload, kind } of this.#group.packets) {
      if (kind !== 'video') continue;
      const timeMs = this.#retimer.give('video', this.#retimer.lastMs('video'));
      this.#encoder?.write({ kind, keyframe: false, timeMs, ptsMs: timeMs, payload });
    }
  }

  #tick(): void {
    const nowMs = this.#options.clock.nowMs();
    if (this.silentMs > this.#options.graceMs) {
      void this.end('its publisher did not return');
      return;
    }
    if (this.#held?.[0] !== undefined && nowMs - this.#held[0].arrivedMs >= SETTLE_MS) this.#release();
    if (this.#plan === null) this.#goOnAir(nowMs);
    else if (!this.#holdsBack) this.#standIn(nowMs);
    this.#watchEncoder();
  }

  /** An encoder that falls behind for seconds is replaced by one with a rung less, in a new epoch. */
  #watchEncoder(): void {
    const { name, clock, random, events } = this.#options;
    const strain = this.#encoder?.strain ?? null;
    const plan = this.#plan;
    if (plan === null || plan.video === null) return;
    if (!this.#overload.look(clock.monotonicMs(), strain, frameDurationMs(plan.video.frameRate))) return;
    const less = withoutTopRung(plan);
    if (less === null) return;
    const [top] = plan.video.rungs;
    const left = plan.video.rungs.length - 1;
    events.rungShed(name, { trackId: top?.trackId ?? '', left, behindMs: Math.round(strain?.behindMs ?? 0) });
    this.#overload = new Overload(random);
    this.#shedPlan = less;
    this.#plan = null;
    this.#closeEncoder((encoder) => encoder.abandon());
  }

  /** Starts encoding as soon as it is clear what the publisher sends. */
  #goOnAir(nowMs: number): void {
    if (this.#held !== null || this.#closing !== null) return;
    if (this.#avc !== null) {
      const keyframe = this.#group.keyframe;
      if (keyframe === null) return;
      const waits = this.#announces('audiocodecid') && nowMs - this.#firstSeenMs.video < SOUND_WAIT_MS;
      if (this.#aac === null && waits) return;
      this.#encode(this.#avc, keyframe.timeMs);
      return;
    }
    const waits = this.#announces('videocodecid') && nowMs - this.#firstSeenMs.audio < PICTURE_WAIT_MS;
    if (this.#aac !== null && this.#firstSeenMs.audio < Infinity && !waits) this.#encode(null, nowMs);
  }

  /** Whether the publisher's metadata name a codec; without metadata anything may come. */
  #announces(field: 'audiocodecid' | 'videocodecid'): boolean {
    return this.#metadata.size === 0 || this.#metadata.has(field);
  }

  #encode(avc: AvcSource | null, startMs: number): void {
    const { ladder, segmentDurationMs, cores, name, events } = this.#options;
    const ptsMs = this.#group.packets.flatMap((packet) => (packet.kind === 'video' ? [packet.ptsMs] : []));
    const frameRate = believedFrameRate([this.#metadata.get('framerate'), avc?.frameRate], ptsMs);
    const video = avc === null ? null : { width: avc.width, height: avc.height, frameRate };
    const plan = this.#shedPlan ?? planLadder({ video, ladder, segmentDurationMs, cores });
    this.#plan = plan;
    this.#grid = plan.video === null || frameRate === null ? null : new FrameGrid(plan.video.frameRate);
    if (plan.video !== null) this.#filler.setPicture(frameDurationMs(plan.video.frameRate));
    if (avc === null) this.#group = new GroupCache(false);
    if (this.#aac === null) {
      this.#aac = OWN_SOUND;
      this.#filler.setSound(OWN_SOUND);
      this.#filler.beginSilence(startMs);
    }
    const encoder = new Encoder({
      ...this.#options,
      plan,
      group: this.#group,
      avc: () => this.#avc,
      aac: () => this.#aac ?? OWN_SOUND,
      target: this.#options.target(plan, plan === this.#shedPlan),
      onExit: ({ reason, failures }) => events.encoderExited(name, reason, failures),
    });
    this.#encoder = encoder;
    void encoder.failed.then((reason) =>
      this.#encoder === encoder ? this.end(`encoding failed: ${reason}`) : undefined,
    );
    events.onAir(name, plan);
  }

  /** Makes up what a silent publisher owes. */
  #standIn(nowMs: number): void {
    for (const { kind, timeMs, payload } of this.#filler.due(nowMs, { video: this.#plan?.video !== null })) {
      const body = payload ?? this.#group.keyframe?.payload;
      // An encoder that does not keep up gets no more than its publisher sent.
      if (body === undefined || this.#encoder?.isFull === true) continue;
      const givenMs = this.#retimer.give(kind, timeMs);
      this.#encoder?.write({ kind, keyframe: false, timeMs: givenMs, ptsMs: givenMs, payload: body });
    }
  }

  #closeEncoder(close = (encoder: Encoder) => encoder[Symbol.asyncDispose]()): void {
    const encoder = this.#encoder;
    this.#encoder = null;
    if (encoder === null) return;
    this.#closing = close(encoder).finally(() => {
      this.#closing = null;
    });
  }
}

/** The sound of a publisher that sends none. */
function readOwnSound(): AacSource {
  const config = writeAudioSpecificConfig({ sampleRate: AUDIO_SAMPLE_RATE, channels: AUDIO_CHANNELS });
  return readAacSource(writeAacHeaderBody(config), config);
}

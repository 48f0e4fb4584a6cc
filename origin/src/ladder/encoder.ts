/** Keeps one ffmpeg encoding a stream: starts it in the middle of the publisher's stream, starts it again when it falls. */

import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MAX_TIMESTAMP_MS, flvHeader, flvTag } from '@headwater/media/flv/tag';
import type { TrackInit } from '@headwater/media/mp4/init';
import type { Sample } from '@headwater/media/mp4/sample';
import { backoffMs } from '@headwater/service/backoff';
import type { Clock } from '@headwater/service/clock';
import { frameDurationMs } from '../live/part-grid.ts';
import { VIDEO_TIMESCALE, encoderOutputs } from './ffmpeg-arguments.ts';
import { type FfmpegExit, type FfmpegProcess, startFfmpeg } from './ffmpeg-process.ts';
import { Intake } from './intake.ts';
import type { Strain } from './overload.ts';
import { AUDIO_SAMPLE_RATE, AUDIO_TRACK_ID, type LadderPlan } from './plan.ts';
import { SoundGrid } from './sound-grid.ts';
import type { AacSource, AvcSource, GroupCache, TimedPacket } from './source.ts';

/** Where the encoder's output goes. Ticks are absolute: tick 0 is 1970. */
export interface EncoderTarget {
  /** a run's tracks, before its first sample; `startMs` is its media time */
  tracks(inits: ReadonlyMap<string, TrackInit>, startMs: number): void;
  sample(trackId: string, sample: Sample): void;
  /** decode time at which a track's next sample is due; null when it has none */
  nextTicks(trackId: string): number | null;
  /** the media time from which a run that could begin at `startMs` is taken: what is earlier would be encoded for nothing */
  takesFromMs(startMs: number): number;
}

export interface EncoderOptions {
  readonly plan: LadderPlan;
  /** the publisher's headers, read at every start */
  readonly avc: () => AvcSource | null;
  readonly aac: () => AacSource;
  readonly group: GroupCache;
  readonly target: EncoderTarget;
  readonly ffmpegPath: string;
  /** sockets are made below it */
  readonly socketFolder: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly onExit: (exit: { readonly reason: string; readonly failures: number }) => void;
}

/** In a row, none of which put anything out `STEADY_MS` after its start: then the stream is given up. */
const MAX_FAILURES = 6;
const STEADY_MS = 10_000;
const RETRY = { firstMs: 200, maxMs: 3_000 } as const;
/** Fed but silent for so long, an encoder hangs; on a busy machine its start takes a while. */
const HANG_MS = 5_000;
const START_MS = 5_000;
const WATCH_EVERY_MS = 1_000;
/** A run that has just begun works off what it began with. */
const SETTLE_MS = 5_000;
const STOP_DEADLINE_MS = 3_000;
/** Encoders are fed times that start small; a base is a whole number of segments and of frames of every usual rate. */
const BASE_MS = 2_002_000;
/** AAC's priming reaches below the first sample; times must not. */
const HEADROOM_MS = 10_000;
/** Signed 32 bits of milliseconds are 24.8 days. */
const MAX_RUN_MS = 20 * 24 * 3_600_000;
/** A hole up to this is filled by the encoder with the first frame; a longer one stays a gap. */
export const MAX_FILL_MS = 35_000;

interface Run {
  readonly process: FfmpegProcess;
  readonly baseMs: number;
  readonly beginMs: number;
  readonly sound: SoundGrid;
  readonly startedMs: number;
  outputAtMs: number;
  /** from when on it is expected to keep up, on the monotonic clock */
  readonly settledAtMs: number;
  /** media time of the newest picture that it was given */
  givenMs: number;
}

export class Encoder implements AsyncDisposable {
  readonly #options: EncoderOptions;
  readonly #stop = new AbortController();
  readonly #failed = Promise.withResolvers<string>();
  readonly #supervising: Promise<void>;
  #run: Run | null = null;
  #failures = 0;
  #startable = Promise.withResolvers<void>();
  readonly #newestOutputMs = new Map<string, number>();

  constructor(options: EncoderOptions) {
    this.#options = options;
    this.#supervising = this.#supervise();
  }

  /** Resolves with the reason when the encoder is given up. */
  get failed(): Promise<string> {
    return this.#failed.promise;
  }

  /** Media time up to which every track has come out, Unix ms; null before the first sample. */
  get newestOutputMs(): number | null {
    return this.#newestOutputMs.size === 0 ? null : Math.min(...this.#newestOutputMs.values());
  }

  /** Whether it keeps up with what it is given. */
  get strain(): Strain {
    const run = this.#run;
    const rungs = this.#options.plan.video?.rungs ?? [];
    if (run === null || this.#options.clock.monotonicMs() < run.settledAtMs) return null;
    const cameMs = Math.min(...rungs.map(({ trackId }) => this.#newestOutputMs.get(trackId) ?? run.beginMs));
    return { behindMs: run.givenMs - cameMs, isFull: run.process.isFull() };
  }

  /**
   * Takes a packet; one that is to be replayed later is in the group already.
   * @returns false when the caller should wait for {@link drained}
   */
  write(packet: TimedPacket): boolean {
    const run = this.#run;
    if (run === null) {
      if (this.#options.group.packets.length > 0) this.#startable.resolve();
      return true;
    }
    const timeMs = packet.timeMs - run.baseMs;
    // Sound alone can be taken up anywhere; where FLV ends, whatever it is.
    const canRestart = packet.keyframe || this.#options.plan.video === null || timeMs > MAX_TIMESTAMP_MS;
    if (timeMs > MAX_RUN_MS && canRestart) {
      this.restart();
      return true;
    }
    if (packet.kind === 'video') run.givenMs = packet.ptsMs;
    return timeMs < 0 || run.process.write(flvTag(packet.kind, timeMs, packet.payload));
  }

  /** It has not taken in yet what it was given. */
  get isFull(): boolean {
    return this.#run?.process.isFull() ?? false;
  }

  async drained(): Promise<void> {
    await this.#run?.process.drained();
  }

  /** The publisher's headers changed: lets the encoder finish, and starts another from the next key frame on. */
  restart(): void {
    const run = this.#run;
    this.#run = null;
    run?.process.end();
  }

  /** Stops at once: what is still in it is lost. */
  async abandon(): Promise<void> {
    this.#run?.process.kill();
    await this[Symbol.asyncDispose]();
  }

  /** Ends the input, waits for the rest to come out, then makes sure that nothing is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    const run = this.#run;
    this.#run = null;
    this.#stop.abort();
    this.#startable.resolve();
    run?.process.end();
    const killing = setTimeout(() => run?.process.kill(), STOP_DEADLINE_MS);
    await this.#supervising;
    clearTimeout(killing);
  }

  async #supervise(): Promise<void> {
    const { random, onExit } = this.#options;
    try {
      while (!this.#stop.signal.aborted) {
        const exit = await this.#runOnce();
        if (exit === null || this.#stop.signal.aborted) continue;
        if (exit.clean) {
          this.#failures = 0;
          continue;
        }
        this.#failures += 1;
        const failures = this.#failures;
        onExit({ reason: exit.reason, failures });
        if (failures >= MAX_FAILURES) return this.#failed.resolve(exit.reason);
        // The first time at once: one fallen process is an accident.
        if (failures > 1)
          await sleep(backoffMs(failures - 2, { ...RETRY, random }), null, { signal: this.#stop.signal });
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#failed.resolve(error instanceof Error ? error.message : String(error));
    }
  }

  /** One process from its start to its end. @returns null when there was nothing to start */
  async #runOnce(): Promise<FfmpegExit | null> {
    const { group, plan, socketFolder } = this.#options;
    if (group.packets.length === 0) {
      this.#startable = Promise.withResolvers<void>();
      await this.#startable.promise;
      return null;
    }
    const folder = await mkdtemp(join(socketFolder, 'r'));
    const trackIds = [...(plan.video?.rungs ?? []).map(({ trackId }) => trackId), AUDIO_TRACK_ID];
    let unreadable: string | null = null;
    let run: Run | null = null;
    const intake = await Intake.open(folder, trackIds, {
      tracks: (inits) => this.#options.target.tracks(inits, run?.beginMs ?? 0),
      sample: (trackId, sample) => this.#take(run as Run, trackId, sample),
      failed: (error) => {
        unreadable = `its output cannot be read: ${error.message}`;
        run?.process.kill();
      },
    });
    try {
      // It may have been stopped, or its source have changed, while the sockets were made.
      if (this.#stop.signal.aborted || group.packets.length === 0) return null;
      run = this.#start(intake);
      const exit = await this.#watch(run);
      if (exit.clean) await Promise.race([intake.ended, sleep(STOP_DEADLINE_MS, null, { ref: false })]);
      if (unreadable !== null) return { clean: false, reason: unreadable };
      // Whoever ends a run on purpose takes it away first.
      return this.#run === run ? { clean: false, reason: exit.reason } : exit;
    } finally {
      // A start that failed half way has left its process behind.
      const left = run ?? this.#run;
      left?.process.kill();
      if (this.#run === left) this.#run = null;
      await intake[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    }
  }

  #start(intake: Intake): Run {
    const { plan, group, clock } = this.#options;
    const packets = group.packets;
    const [first] = packets;
    const begin = this.#begin(first);
    const baseMs = BASE_MS * Math.floor((Math.min(first?.timeMs ?? Infinity, begin.videoMs) - HEADROOM_MS) / BASE_MS);
    const avc = plan.video === null ? null : this.#options.avc();
    const aac = this.#options.aac();
    const job = encoderOutputs({
      plan,
      source: avc,
      firstVideoTicks: Math.round((begin.videoMs - baseMs) * (VIDEO_TIMESCALE / 1000)),
      firstAudioTicks: begin.audioTicks - baseMs * (AUDIO_SAMPLE_RATE / 1000),
    });
    const process = startFfmpeg({ path: this.#options.ffmpegPath, job, socketPath: (id) => intake.socketPath(id) });
    process.write(flvHeader({ audio: true, video: avc !== null }));
    const headerMs = Math.max(0, (first?.timeMs ?? baseMs) - baseMs);
    if (avc !== null) process.write(flvTag('video', headerMs, avc.payload));
    process.write(flvTag('audio', headerMs, aac.payload));
    const sound = new SoundGrid(begin.audioTicks);
    const startedMs = clock.monotonicMs();
    const run = {
      process,
      baseMs,
      beginMs: begin.videoMs,
      startedMs,
      outputAtMs: startedMs + START_MS,
      settledAtMs: startedMs + SETTLE_MS,
      givenMs: begin.videoMs,
      sound,
    };
    this.#run = run;
    for (const packet of packets) this.write(packet);
    return run;
  }

  /** Where this run's output begins: where the last one's ended, or at the group's first frame. */
  #begin(first: TimedPacket | undefined): { videoMs: number; audioTicks: number } {
    const { plan, target } = this.#options;
    const firstMs = first?.ptsMs ?? 0;
    const frameMs = plan.video === null ? null : frameDurationMs(plan.video.frameRate);
    // The tracks may have ended a frame apart; nothing may come twice.
    const nextTicks = Math.max(
      ...(plan.video?.rungs ?? []).map(({ trackId }) => target.nextTicks(trackId) ?? -Infinity),
    );
    const nextMs = (nextTicks * 1000) / VIDEO_TIMESCALE;
    const startMs = nextMs > firstMs - MAX_FILL_MS ? nextMs : target.takesFromMs(firstMs);
    const videoMs = frameMs === null ? firstMs : Math.ceil(startMs / frameMs - 0.01) * frameMs;
    const nextAudioTicks = target.nextTicks(AUDIO_TRACK_ID) ?? -Infinity;
    const wantedTicks = videoMs * (AUDIO_SAMPLE_RATE / 1000);
    const audioTicks =
      nextAudioTicks > wantedTicks - MAX_FILL_MS * (AUDIO_SAMPLE_RATE / 1000) ? nextAudioTicks : wantedTicks;
    // AAC frames, too, stand on one grid since 1970.
    return { videoMs, audioTicks: SoundGrid.ceil(audioTicks) };
  }

  #take(run: Run, trackId: string, sample: Sample): void {
    run.outputAtMs = this.#options.clock.monotonicMs();
    if (run.outputAtMs - run.startedMs > STEADY_MS) this.#failures = 0;
    const isSound = trackId === AUDIO_TRACK_ID;
    const timescale = isSound ? AUDIO_SAMPLE_RATE : VIDEO_TIMESCALE;
    const shiftTicks = run.baseMs * (timescale / 1000);
    const placed = { ...sample, dtsTicks: sample.dtsTicks + shiftTicks, ptsTicks: sample.ptsTicks + shiftTicks };
    const given = isSound ? run.sound.place(placed) : placed;
    if (given === null) return;
    this.#newestOutputMs.set(trackId, (given.dtsTicks * 1000) / timescale);
    this.#options.target.sample(trackId, given);
  }

  async #watch(run: Run): Promise<FfmpegExit> {
    let hung = false;
    const watching = setInterval(() => {
      hung = this.#options.clock.monotonicMs() - run.outputAtMs > HANG_MS;
      if (hung) run.process.kill();
    }, WATCH_EVERY_MS);
    const exit = await run.process.exited;
    clearInterval(watching);
    return hung ? { clean: false, reason: `nothing came out for ${HANG_MS} ms` } : exit;
  }
}

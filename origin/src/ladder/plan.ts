/** Which renditions a stream gets. Decided once, when it goes on air, so that its shape stays whatever the publisher does. */

import { type Ladder, MAX_RUNGS, type Rung } from '@headwater/protocol/feed';
import { type FrameRate, type PartGrid, planPartGrid } from '../live/part-grid.ts';
import { standardFrameRate } from './frame-rate.ts';

/** What the publisher sends. */
export interface SourceVideo {
  readonly width: number;
  readonly height: number;
  /** as announced; null when neither the metadata nor the codec says */
  readonly frameRate: number | null;
}

export interface VideoRung {
  readonly trackId: string;
  readonly width: number;
  readonly height: number;
  readonly bitsPerSecond: number;
}

export interface LadderPlan {
  readonly video: {
    readonly rungs: readonly VideoRung[];
    readonly frameRate: FrameRate;
    readonly preset: string;
  } | null;
  readonly audioBitsPerSecond: number;
  readonly grid: PartGrid;
}

export const AUDIO_TRACK_ID = 'a0';
/** Sound is always encoded at this rate, so that the shape does not depend on the publisher's. */
export const AUDIO_SAMPLE_RATE = 48_000;
export const AUDIO_CHANNELS = 2;

export const DEFAULT_LADDER: Ladder = {
  rungs: [
    { height: 1080, bitsPerSecond: 5_000_000 },
    { height: 720, bitsPerSecond: 2_800_000 },
    { height: 480, bitsPerSecond: 1_400_000 },
    { height: 360, bitsPerSecond: 800_000 },
  ],
  audioBitsPerSecond: 128_000,
};

interface PlanInput {
  readonly video: SourceVideo | null;
  /** the stream's own ladder, or null for the default */
  readonly ladder: Ladder | null;
  readonly segmentDurationMs: number;
  readonly cores: number;
}

/** The rungs that the source can fill, at most its own size; the source's own size when all are larger. */
export function planLadder({ video, ladder, segmentDurationMs, cores }: PlanInput): LadderPlan {
  const { rungs, audioBitsPerSecond } = ladder ?? DEFAULT_LADDER;
  if (video === null) {
    return { video: null, audioBitsPerSecond, grid: planPartGrid(segmentDurationMs, null, AUDIO_SAMPLE_RATE) };
  }
  const frameRate = standardFrameRate(video.frameRate);
  const fitting = distinctHeights(rungs.filter(({ height }) => height <= video.height)).slice(0, MAX_RUNGS);
  const chosen = fitting.length > 0 ? fitting : [ownSize(video, rungs)];
  return {
    video: { rungs: chosen.map((rung) => sizeRung(rung, video)), frameRate, preset: presetFor(cores) },
    audioBitsPerSecond,
    grid: planPartGrid(segmentDurationMs, frameRate, AUDIO_SAMPLE_RATE),
  };
}

/** The plan without its highest rung, which costs the most; null when it has but one. */
export function withoutTopRung(plan: LadderPlan): LadderPlan | null {
  const { video } = plan;
  return video === null || video.rungs.length < 2
    ? null
    : { ...plan, video: { ...video, rungs: video.rungs.slice(1) } };
}

function distinctHeights(rungs: readonly Rung[]): Rung[] {
  const byHeight = new Map(rungs.map((rung) => [rung.height, rung]));
  return [...byHeight.values()].sort((a, b) => b.height - a.height);
}

/** The smallest rung's rate for a source below it: H.264 wants even sizes. */
function ownSize(video: SourceVideo, rungs: readonly Rung[]): Rung {
  const smallest = distinctHeights(rungs).at(-1);
  return { height: floorEven(video.height), bitsPerSecond: smallest?.bitsPerSecond ?? 800_000 };
}

function sizeRung(rung: Rung, video: SourceVideo): VideoRung {
  const height = Math.max(2, even(rung.height));
  const width = Math.min(floorEven(video.width), Math.max(2, even((height * video.width) / video.height)));
  return { trackId: `v${height}`, width, height, bitsPerSecond: rung.bitsPerSecond };
}

/** The most that a source has of both. */
function floorEven(pixels: number): number {
  return Math.max(2, 2 * Math.floor(pixels / 2));
}

function even(pixels: number): number {
  return 2 * Math.round(pixels / 2);
}

/** What the cores can do in real time with a few streams. */
function presetFor(cores: number): string {
  if (cores >= 16) return 'veryfast';
  return cores >= 8 ? 'superfast' : 'ultrafast';
}

/** Where parts begin inside a segment: the same places, in wall-clock time, on every track of a stream. */

/** A frame rate as a fraction, such as 30000/1001. */
export type FrameRate = readonly [numerator: number, denominator: number];

/** How long a frame lasts. */
export function frameDurationMs([numerator, denominator]: FrameRate): number {
  return (denominator * 1000) / numerator;
}

/** What a part should last when the frame rate allows it. */
const WANTED_PART_MS = 1000 / 3;
/** Counts that divide 2 s into whole ticks of 1/90000 s and of 1/48000 s; the first two are for sources of few frames. */
const PARTS_PER_SEGMENT = [1, 2, 3, 4, 5, 6, 8, 10] as const;
const AAC_FRAME_SAMPLES = 1024;

export interface PartGrid {
  readonly segmentDurationMs: number;
  readonly partsPerSegment: number;
  /** nominal */
  readonly partDurationMs: number;
  /** no part of any track is longer */
  readonly partTargetMs: number;
}

/**
 * Chooses the parts of a segment: whole frames where the rate has them, the nearest to a third of a second.
 * @param frameRate of the video, or null without video
 * @param sampleRate of the AAC audio
 */
export function planPartGrid(segmentDurationMs: number, frameRate: FrameRate | null, sampleRate: number): PartGrid {
  const [numerator, denominator] = frameRate ?? [0, 1];
  const framesPerSegment = (numerator * segmentDurationMs) / (denominator * 1000);
  const even = PARTS_PER_SEGMENT.filter((count) => framesPerSegment > 0 && framesPerSegment % count === 0);
  const candidates = even.length > 0 ? even : PARTS_PER_SEGMENT;
  const partsPerSegment = nearest(candidates, segmentDurationMs / WANTED_PART_MS);
  const partDurationMs = segmentDurationMs / partsPerSegment;
  const longestVideoMs = frameRate === null ? 0 : longestRunMs(partDurationMs, frameDurationMs(frameRate));
  const longestAudioMs = longestRunMs(partDurationMs, (AAC_FRAME_SAMPLES * 1000) / sampleRate);
  const partTargetMs = Math.ceil(Math.max(longestVideoMs, longestAudioMs) - 1e-6);
  return { segmentDurationMs, partsPerSegment, partDurationMs, partTargetMs };
}

/** Parts are cut where a frame starts, so the longest holds every frame that can start inside one. */
function longestRunMs(partMs: number, frameMs: number): number {
  return Math.ceil(partMs / frameMs - 1e-9) * frameMs;
}

function nearest(candidates: readonly number[], wanted: number): number {
  return candidates.reduce((best, count) => (Math.abs(count - wanted) < Math.abs(best - wanted) ? count : best));
}

/** Which segments a playlist shows: by rule from the last number alone, so that every edge shows the same ones. */

import type { Epoch, Segment, Timeline } from '@headwater/protocol/timeline';
import { windowOf } from '../timeline-reading.ts';

/** A number inside the window, with its media or without: then it is a gap. */
export interface ShownSegment {
  readonly number: number;
  readonly epoch: Epoch;
  readonly segment: Segment | null;
}

/**
 * The last `windowSegments` numbers up to `lastNumber`, none before the stream began or before `fromNumber`. A number that no
 * segment has is a gap. Empty when the epochs say nothing of these numbers.
 */
export function shownWindow(
  timeline: Timeline,
  track: string,
  lastNumber: number,
  fromNumber = 0,
): readonly ShownSegment[] {
  const byNumber = new Map(windowOf(timeline, track)?.map((segment) => [segment.number, segment]));
  const began = timeline.epochs[0]?.firstSegment ?? lastNumber;
  const first = Math.max(lastNumber - timeline.windowSegments + 1, began, Math.min(fromNumber, lastNumber));
  const shown: ShownSegment[] = [];
  for (let number = first; number <= lastNumber; number += 1) {
    const segment = byNumber.get(number) ?? null;
    const epoch = segment === null ? epochAt(timeline, number) : epochOf(timeline, segment);
    if (epoch !== undefined) shown.push({ number, epoch, segment });
  }
  return shown;
}

/** The number that a moment falls into. */
export function numberAt(timeline: Timeline, unixMs: number): number {
  return Math.floor((unixMs - timeline.anchorMs) / timeline.segmentDurationMs);
}

/** The newest segment of a track that is whole. */
export function lastComplete(timeline: Timeline, track: string): number | null {
  return windowOf(timeline, track)?.findLast((segment) => segment.complete)?.number ?? null;
}

function epochOf(timeline: Timeline, segment: Segment): Epoch | undefined {
  return timeline.epochs.find((epoch) => epoch.id === segment.epoch);
}

function epochAt(timeline: Timeline, number: number): Epoch | undefined {
  return timeline.epochs.findLast((epoch) => epoch.firstSegment <= number);
}

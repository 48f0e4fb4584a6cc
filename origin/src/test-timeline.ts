/** For tests: looks through a live stream for what a player would stumble over. */

import assert from 'node:assert/strict';
import { parseFragments } from '@headwater/media/mp4/fragment';
import type { Timeline } from '@headwater/protocol/timeline';
import type { LiveStream } from './live/stream.ts';

/** One sample of a window, with where it was found. */
export interface FoundSample {
  readonly track: string;
  readonly number: number;
  readonly epoch: string;
  readonly dtsTicks: number;
  readonly durationTicks: number;
  readonly sync: boolean;
  readonly bytes: number;
}

export function wholeTimeline(stream: LiveStream): Timeline {
  const change = stream.change(null);
  assert.ok(change);
  return change.timeline;
}

/** Every sample of every track in the window, from the parts' own bytes. */
export function samplesOf(stream: LiveStream): Map<string, FoundSample[]> {
  const timeline = wholeTimeline(stream);
  const found = new Map<string, FoundSample[]>();
  for (const [track, window] of Object.entries(timeline.windows)) {
    const samples: FoundSample[] = [];
    for (const { number, epoch } of window) {
      const segment = stream.segment(track, epoch, number);
      assert.equal(segment.kind, 'found');
      if (segment.kind !== 'found') continue;
      for (const { data } of segment.value.parts) {
        for (const fragment of parseFragments(data)) {
          for (const { dtsTicks, durationTicks, sync, data } of fragment.samples) {
            samples.push({ track, number, epoch, dtsTicks, durationTicks, sync, bytes: data.length });
          }
        }
      }
    }
    found.set(track, samples);
  }
  return found;
}

/** Asserts that no track has a hole or a repetition of more than `slackTicks`, and that numbers are the wall clock's. */
export function assertContinuous(stream: LiveStream, slackTicks = 0): void {
  const { tracks, segmentDurationMs } = wholeTimeline(stream);
  for (const [track, samples] of samplesOf(stream)) {
    const timescale = tracks.find(({ id }) => id === track)?.timescale ?? NaN;
    assert.ok(samples.length > 0, `${track} is empty`);
    for (const [index, sample] of samples.entries()) {
      assert.equal(sample.number, Math.floor((sample.dtsTicks * 1000) / timescale / segmentDurationMs), track);
      const before = samples[index - 1];
      if (before === undefined) continue;
      const holeTicks = sample.dtsTicks - before.dtsTicks - before.durationTicks;
      assert.ok(
        Math.abs(holeTicks) <= slackTicks,
        `${track}: ${holeTicks} ticks between ${before.dtsTicks} and ${sample.dtsTicks}`,
      );
      if (sample.number !== before.number)
        assert.ok(sample.sync || track === 'a0', `${track}/${sample.number} does not start with a key frame`);
    }
  }
}

/** Asserts that all video tracks have the same frames at the same times. */
export function assertAligned(stream: LiveStream): void {
  const { tracks } = wholeTimeline(stream);
  const all = samplesOf(stream);
  const [first, ...others] = tracks
    .filter(({ kind }) => kind === 'video')
    .map(({ id }) => (all.get(id) ?? []).map(({ dtsTicks }) => dtsTicks));
  for (const other of others) {
    const shared = Math.min(first?.length ?? 0, other.length);
    assert.ok(shared > 0);
    assert.deepEqual(other.slice(0, shared), first?.slice(0, shared));
  }
}

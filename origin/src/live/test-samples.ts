/** For tests: synthetic tracks, without an encoder. */

import type { TrackInit } from '@headwater/media/mp4/init';
import type { Sample } from '@headwater/media/mp4/sample';
import { planPartGrid } from './part-grid.ts';
import type { LiveStream, TrackShape } from './stream.ts';

export const GRID = planPartGrid(2_000, [30, 1], 48_000);
export const SEGMENT_TICKS = 180_000;
const FRAME_TICKS = 3_000;

/** A video track whose header differs with `mark`. */
export function videoShape(id: string, mark = 0): TrackShape {
  const sampleEntry = Buffer.alloc(8 + 78);
  sampleEntry.writeUInt32BE(sampleEntry.length);
  sampleEntry.write('avc1', 4, 'latin1');
  sampleEntry[sampleEntry.length - 1] = mark;
  const init: TrackInit = {
    trackId: 1,
    timescale: 90_000,
    kind: 'video',
    codec: 'avc1.42c00a',
    width: 64,
    height: 64,
    sampleEntry,
  };
  return { id, init, bandwidth: 1_000_000, frameRate: [30, 1] };
}

/** Frames of a segment's first `count`, each of `bytes` bytes. */
export function pushFrames(
  stream: LiveStream,
  track: string,
  place: { number: number; from?: number; count?: number; bytes?: number },
): void {
  const { number, from = 0, count = 60, bytes = 100 } = place;
  for (let index = from; index < from + count; index += 1) {
    const dtsTicks = number * SEGMENT_TICKS + index * FRAME_TICKS;
    const sample: Sample = {
      dtsTicks,
      ptsTicks: dtsTicks,
      durationTicks: FRAME_TICKS,
      sync: index === 0,
      data: new Uint8Array(bytes),
    };
    stream.push(track, sample);
  }
}

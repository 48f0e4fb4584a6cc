/** Media for the edge's tests: a few seconds out of ffmpeg, cut into parts and segments as an origin does. */

import { spawnSync } from 'node:child_process';
import { type Fragment, writeFragment } from '@headwater/media/mp4/fragment';
import { writeInit } from '@headwater/media/mp4/init';
import { FragmentReader } from '@headwater/media/mp4/reader';
import type { Sample } from '@headwater/media/mp4/sample';
import type { Timeline, Track } from '@headwater/protocol/timeline';

export const SEGMENT_MS = 2_000;
export const PARTS = 6;
/** The number of the first segment: a moment in 2026. */
export const FIRST_NUMBER = 895_000_000;

export interface MediaPart {
  readonly data: Buffer;
  readonly durationTicks: number;
  readonly startTicks: number;
  readonly independent: boolean;
}

/** One track: its header, and its parts by segment. */
export interface MediaTrack {
  readonly track: Track;
  readonly init: Buffer;
  readonly segments: readonly (readonly MediaPart[])[];
}

/** A stream that is on air, and has brought nothing yet. */
export const BARE_TIMELINE: Timeline = {
  stream: 'show',
  revision: 1,
  state: 'live',
  segmentDurationMs: SEGMENT_MS,
  partDurationMs: 1_000,
  partTargetMs: 1_100,
  anchorMs: 0,
  windowSegments: 10,
  epochs: [],
  tracks: [],
  windows: {},
};

const FRAGMENTS = '+cmaf+empty_moov+default_base_moof+skip_trailer+frag_every_frame';

/** Makes a video and an audio track of whole segments. */
export function makeMedia(segments: number): readonly MediaTrack[] {
  const seconds = String((segments * SEGMENT_MS) / 1000 + 0.2);
  const picture = 'testsrc2=size=320x180:rate=30';
  const grid = '-g 60 -keyint_min 60 -sc_threshold 0 -video_track_timescale 90000';
  const video = runFfmpeg(
    `-f lavfi -i ${picture} -t ${seconds} -c:v libx264 -preset ultrafast -tune zerolatency ${grid}`,
  );
  const audio = runFfmpeg(`-f lavfi -i sine=frequency=440:sample_rate=48000 -t ${seconds} -c:a aac -ac 2`);
  return [cut(video, 'v180', segments), cut(audio, 'a0', segments)];
}

function runFfmpeg(args: string): Buffer {
  const line = `-v error ${args} -movflags ${FRAGMENTS} -f mp4 pipe:1`;
  const run = spawnSync('ffmpeg', line.split(' '), { maxBuffer: 256 * 1024 * 1024 });
  if (run.status !== 0) throw new Error(`ffmpeg: ${run.stderr.toString()}`);
  return run.stdout;
}

function cut(file: Buffer, id: string, segments: number): MediaTrack {
  const events = new FragmentReader().push(file);
  const head = events.find((event) => event.kind === 'init');
  if (head === undefined) throw new Error('no header');
  const { init } = head;
  const fragments = events.flatMap((event) => (event.kind === 'fragment' ? [event.fragment] : []));
  const cellTicks = (init.timescale * SEGMENT_MS) / 1000 / PARTS;
  const originTicks = FIRST_NUMBER * cellTicks * PARTS;
  const cells = gather(fragments, cellTicks, originTicks);
  const parts = Array.from({ length: segments * PARTS }, (_, cell) =>
    makePart(cells.get(cell) ?? [], { trackId: init.trackId, cell, isVideo: init.kind === 'video' }),
  );
  const { kind, codec, timescale, width, height, channels, sampleRate } = init;
  const size = width === undefined || height === undefined ? {} : { width, height, frameRate: [30, 1] as const };
  const sound = channels === undefined || sampleRate === undefined ? {} : { channels, sampleRate };
  return {
    track: { id, kind, codec, timescale, bandwidth: kind === 'video' ? 400_000 : 128_000, ...size, ...sound },
    init: Buffer.from(writeInit(init)),
    segments: Array.from({ length: segments }, (_, index) => parts.slice(index * PARTS, (index + 1) * PARTS)),
  };
}

/** Samples by grid cell, moved onto the wall clock. */
function gather(fragments: readonly Fragment[], cellTicks: number, originTicks: number): Map<number, Sample[]> {
  const cells = new Map<number, Sample[]>();
  for (const { samples } of fragments) {
    for (const sample of samples) {
      const cell = Math.max(0, Math.floor(sample.dtsTicks / cellTicks));
      const moved = { ...sample, dtsTicks: sample.dtsTicks + originTicks, ptsTicks: sample.ptsTicks + originTicks };
      cells.set(cell, [...(cells.get(cell) ?? []), moved]);
    }
  }
  return cells;
}

function makePart(samples: readonly Sample[], about: { trackId: number; cell: number; isVideo: boolean }): MediaPart {
  const [first] = samples;
  if (first === undefined) throw new Error(`nothing in cell ${about.cell}`);
  const styp = about.cell % PARTS === 0;
  return {
    data: Buffer.from(writeFragment({ sequence: about.cell + 1, trackId: about.trackId, samples, styp })),
    durationTicks: samples.reduce((sum, { durationTicks }) => sum + durationTicks, 0),
    startTicks: first.dtsTicks,
    independent: !about.isVideo || first.sync,
  };
}

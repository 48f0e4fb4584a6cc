import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type HlsPlayer from 'hls.js';
import { noteQueuedVideo, type VideoQueue } from './browser/queued-video.ts';

/** What is looked at and set of hls.js's own buffer controller. */
interface BufferController extends VideoQueue {
  tracks: Record<string, { buffer?: unknown }>;
  readonly operationQueue: { readonly queues: { readonly audio: readonly { readonly label: string }[] } };
}

const PART_S = 1 / 3;

let Hls: typeof HlsPlayer;
before(async () => {
  Object.assign(globalThis, { self: globalThis });
  ({ default: Hls } = await import('hls.js'));
});

/** Hands hls.js three parts of the picture before it has source buffers, and then sound for the second of them. */
function soundAfterVideo(watch: (hls: HlsPlayer, queue: VideoQueue) => void): string[] {
  const hls = new Hls();
  const { bufferController } = hls as unknown as { readonly bufferController: BufferController };
  watch(hls, bufferController);
  const hand = (type: 'audio' | 'video', part: number): void => {
    const start = 60 + part * PART_S;
    const stats = { buffering: { start: 0, first: 0, end: 0 } };
    hls.trigger(Hls.Events.BUFFER_APPENDING, {
      type,
      data: new Uint8Array(8),
      parent: type === 'audio' ? 'audio' : 'main',
      offset: 0,
      frag: { sn: 30, cc: 0, level: 0, start: 60, stats },
      part: { index: part, start, end: start + PART_S, duration: PART_S, stats },
      chunkMeta: { buffering: { [type]: {} }, id: 1, sn: 30, partial: false },
    } as never);
  };
  bufferController.tracks = { video: {}, audio: {} };
  for (const part of [0, 1, 2]) hand('video', part);
  const buffered = { length: 1, start: () => 60, end: () => 60 + PART_S };
  const buffer = { buffered, appendBuffer: () => undefined };
  Object.assign(bufferController, { tracks: { video: { buffer }, audio: { buffer } } });
  hand('audio', 1);
  return bufferController.operationQueue.queues.audio.map(({ label }) => label);
}

test('sound is not held back where the picture that it goes with was handed over before there were buffers', () => {
  const labels = soundAfterVideo((hls, queue) => {
    hls.on(Hls.Events.BUFFER_APPENDING, (_, data) => noteQueuedVideo(queue, data));
  });
  assert.deepEqual(labels, ['append-audio']);
});

test('hls.js by itself holds it back', () => {
  assert.deepEqual(
    soundAfterVideo(() => undefined),
    ['block-audio', 'append-audio'],
  );
});

test('an initialization segment and sound are no picture', () => {
  const queue: VideoQueue = { lastVideoAppendEnd: 5 };
  const frag = { sn: 30, end: 62 };
  const note = (type: string, sn: number | string): void =>
    noteQueuedVideo(queue, { type, frag: { ...frag, sn }, part: null } as never);
  note('audio', 30);
  note('video', 'initSegment');
  assert.equal(queue.lastVideoAppendEnd, 5);
  note('video', 30);
  assert.equal(queue.lastVideoAppendEnd, 62);
});

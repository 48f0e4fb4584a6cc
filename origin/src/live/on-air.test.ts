import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ManualClock } from '@headwater/service/clock';
import type { EncoderTarget } from '../ladder/encoder.ts';
import { AUDIO_TRACK_ID, planLadder } from '../ladder/plan.ts';
import { Ledger } from './ledger.ts';
import { createTarget } from './on-air.ts';
import { LiveStream } from './stream.ts';
import { pushFrames, videoShape } from './test-samples.ts';

const NOW_MS = 1_800_000_000_000;
const NOW = NOW_MS / 2_000;
const PLAN = planLadder({
  video: { width: 640, height: 360, frameRate: 30 },
  ladder: { rungs: [{ height: 360, bitsPerSecond: 800_000 }], audioBitsPerSecond: 128_000 },
  segmentDurationMs: 2_000,
  cores: 1,
});
const INITS = new Map(['v360', AUDIO_TRACK_ID].map((id) => [id, videoShape(id).init]));

const cleanup = new AsyncDisposableStack();
let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hw-on-air-'));
});
after(async () => {
  await cleanup.disposeAsync();
  await rm(folder, { recursive: true, force: true });
});

/** An origin's memory of a stream. */
async function remembered(name: string) {
  const ledger = cleanup.use(await Ledger.open(join(folder, name), (error) => assert.fail(String(error))));
  let seed = 0;
  const stream = new LiveStream({
    name: 'show',
    limits: { windowSegments: 6, windowBytes: 1e9, waiters: 1 },
    clock: new ManualClock(NOW_MS),
    randomBytes: () => new Uint8Array(5).fill((seed += 1)),
    onSegment: (newestSegment, ordinal) => ledger.set('show', { ordinal, newestSegment }),
  });
  const target = (lastOrdinal = -1): EncoderTarget =>
    createTarget({ stream, plan: PLAN, ledger, lastOrdinal, succeeds: false, onEpoch: () => undefined });
  return { ledger, stream, target };
}

function push(stream: LiveStream, number: number): void {
  for (const track of INITS.keys()) pushFrames(stream, track, { number });
}

test('a stream begins where its publisher does', async () => {
  const { stream, target } = await remembered('new');
  const run = target();
  assert.equal(run.takesFromMs(NOW_MS + 700), NOW_MS + 700);
  run.tracks(INITS, NOW_MS + 700);
  assert.deepEqual([stream.epoch?.firstSegment, stream.epoch?.ordinal], [NOW, 0]);
});

test('a number of this origin’s own is not used again', async () => {
  const { ledger, stream, target } = await remembered('own');
  ledger.set('show', { ordinal: 3, newestSegment: NOW });
  const run = target(3);
  assert.equal(run.takesFromMs(NOW_MS + 700), NOW_MS + 2_000);
  run.tracks(INITS, NOW_MS + 2_000);
  assert.deepEqual([stream.epoch?.firstSegment, stream.epoch?.ordinal], [NOW + 1, 4]);
});

test('nor is one that another origin may have used in the meantime', async () => {
  const { ledger, stream, target } = await remembered('taken-over');
  ledger.set('show', { ordinal: 1, newestSegment: NOW - 100 });
  const run = target(3);
  assert.equal(run.takesFromMs(NOW_MS + 700), NOW_MS + 2_000);
  run.tracks(INITS, NOW_MS + 2_017);
  assert.deepEqual([stream.epoch?.firstSegment, stream.epoch?.ordinal], [NOW + 1, 4]);
  // From now on its numbers are known here.
  push(stream, NOW + 1);
  assert.equal(target(3).takesFromMs(NOW_MS + 9_000), NOW_MS + 9_000);
});

test('numbers begin anew when the clock was set back, and so does the window', async () => {
  const { ledger, stream, target } = await remembered('set-back');
  target().tracks(INITS, NOW_MS + 3_600_000);
  for (const ahead of [0, 1, 2]) push(stream, NOW + 1_800 + ahead);
  stream.end();
  const run = target();
  assert.equal(run.takesFromMs(NOW_MS), NOW_MS);
  run.tracks(INITS, NOW_MS);
  push(stream, NOW);
  push(stream, NOW + 1);
  const timeline = stream.change(null)?.timeline;
  assert.deepEqual(
    timeline?.epochs.map(({ ordinal, firstSegment }) => [ordinal, firstSegment]),
    [[1, NOW]],
  );
  assert.deepEqual(
    timeline?.windows['v360']?.map(({ number }) => number),
    [NOW, NOW + 1],
  );
  assert.deepEqual(ledger.get('show'), { ordinal: 1, newestSegment: NOW + 1 });
});

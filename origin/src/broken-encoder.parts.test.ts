import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { checkFfmpeg, startFfmpeg } from './ladder/ffmpeg-process.ts';
import { makeSource, play } from './test-publisher.ts';
import { startRig } from './test-rig.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hw-test-'));
});
after(() => rm(folder, { recursive: true, force: true }));

test('an ffmpeg that is missing is complained of by its path', async () => {
  assert.match((await checkFfmpeg('/nowhere/ffmpeg')) ?? '', /\/nowhere\/ffmpeg/);
  assert.equal(await checkFfmpeg('ffmpeg'), null);
});

test('an encoder that cannot run ends the stream, with one reason', async () => {
  await using rig = await startRig(folder, 'broken', { ffmpegPath: '/bin/false' });
  const sink = await rig.open();
  const playing = play(sink, makeSource(), { clock: rig.clock, forMs: 10_000 });
  assert.match((await sink.closed).reason, /^encoding failed: ffmpeg exited with code 1/);
  assert.equal(rig.lines.filter((line) => line.startsWith('off_air')).length, 1);
  await playing;
});

test('an encoder that takes nothing pushes back, until it is gone', async () => {
  const path = join(folder, 'deaf');
  await writeFile(path, '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 });
  const job = { inputOptions: [], complexFilter: null, outputs: [{ trackId: 'a0', options: [] }] };
  const deaf = startFfmpeg({ path, job, socketPath: () => join(folder, 'a0') });
  let writtenBytes = 0;
  while (deaf.write(new Uint8Array(64 * 1024))) writtenBytes += 64 * 1024;
  assert.ok(writtenBytes < 2 * 1024 * 1024, `${writtenBytes} bytes were taken`);
  const drained = deaf.drained();
  deaf.kill();
  await drained;
  const { clean, reason } = await deaf.exited;
  assert.deepEqual([clean, reason], [false, 'ffmpeg was killed with signal SIGKILL']);
  assert.equal(deaf.write(new Uint8Array(1)), true);
});

/** A machine that is too slow for the whole ladder, by an ffmpeg that is made to take its time over the highest rung. */

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeSource, play } from './test-publisher.ts';
import { startRig } from './test-rig.ts';
import { assertContinuous, wholeTimeline } from './test-timeline.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hw-test-'));
});
after(() => rm(folder, { recursive: true, force: true }));

/** Half as fast as the test's clock, as long as there is the rung of 180 lines. */
const SLOW = `#!/bin/bash
args=()
for argument in "$@"; do
  case "$argument" in *"[v180]"*) argument="\${argument/\\[0:v:0]fps/[0:v:0]realtime=speed=1,fps}" ;; esac
  args+=("$argument")
done
exec ffmpeg "\${args[@]}"
`;

test('an encoder that falls behind for seconds sheds its highest rung, and the rest catches up', async () => {
  const ffmpegPath = join(folder, 'slow-ffmpeg');
  await writeFile(ffmpegPath, SLOW, { mode: 0o755 });
  await using rig = await startRig(folder, 'slow', { ffmpegPath });
  const sink = await rig.open();
  const playing = play(sink, makeSource({ seconds: 4 }), { clock: rig.clock, forMs: 26_000 });
  const sheds = () => rig.lines.filter((line) => line.startsWith('rung_shed'));
  await rig.clock.until('a rung to be shed', () => sheds().length > 0);
  assert.deepEqual(
    wholeTimeline(rig.stream()).tracks.map(({ id }) => id),
    ['v180', 'v90', 'a0'],
  );
  await playing;
  await rig.caughtUp();
  assert.equal(sheds().length, 1);
  assert.match(sheds()[0] ?? '', /"trackId":"v180","left":1,"behindMs":[2-9]\d{3}/);
  assert.match(rig.metrics.format(), /^headwater_origin_rungs_shed_total 1$/m);
  const stream = rig.stream();
  await rig.desk[Symbol.asyncDispose]();

  // The rungs may have been cut off a frame apart; else nothing of those that stay is missing, or there twice.
  assertContinuous(stream, 2 * 3_003);
  const { tracks, epochs } = wholeTimeline(stream);
  assert.deepEqual([tracks.map(({ id }) => id), epochs.map(({ ordinal }) => ordinal)], [['v90', 'a0'], [0]]);
  // What is left of the shed rung is nothing that anybody waits for.
  assert.equal(stream.hasTrack('v180'), false);
  assert.equal(stream.segment('v180', stream.epoch?.id ?? '', stream.newestNumber + 1).kind, 'never');
});

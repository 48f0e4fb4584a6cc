/** A machine that is too slow for the whole ladder, by an ffmpeg that is made to take its time over the highest rung. */

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeSource, play } from './test-publisher.ts';
import { startRig } from './test-rig.ts';
import { samplesOf, wholeTimeline } from './test-timeline.ts';

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

test('an encoder that falls behind for seconds sheds its highest rung, the rest catches up, and on air anew it has all', async () => {
  const ffmpegPath = join(folder, 'slow-ffmpeg');
  await writeFile(ffmpegPath, SLOW, { mode: 0o755 });
  await using rig = await startRig(folder, 'slow', { ffmpegPath });
  const source = makeSource({ seconds: 4 });
  const playing = play(await rig.open(), source, { clock: rig.clock, forMs: 20_000 });
  const sheds = () => rig.lines.filter((line) => line.startsWith('rung_shed'));
  await rig.clock.until('a rung to be shed', () => sheds().length > 0);
  const [before] = wholeTimeline(rig.stream()).epochs;
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
  await rig.desk.broadcasts.get('show')?.broadcast.end('over');

  const { tracks, epochs, windows } = wholeTimeline(stream);
  assert.deepEqual(
    tracks.map(({ id }) => id),
    ['v90', 'a0'],
  );
  assert.deepEqual(
    epochs.map(({ ordinal }) => ordinal),
    [0, 1],
  );
  for (const [track, window] of Object.entries(windows)) {
    const numbers = window.map(({ number }) => number);
    assert.deepEqual(
      numbers,
      [...new Set(numbers)].sort((a, b) => a - b),
      track,
    );
    assert.equal((numbers.at(-1) ?? NaN) - (numbers[0] ?? NaN), numbers.length - 1, `${track} lacks a number`);
    // The old epoch's segments come before the new one's, and there are several of both.
    const newer = window.filter(({ epoch }) => epoch === epochs[1]?.id);
    assert.ok(newer.length >= 3 && window.length - newer.length >= 2, `${newer.length} of ${window.length}`);
    assert.ok(newer.every(({ number }) => number >= (epochs[1]?.firstSegment ?? Infinity)));
  }
  const samples = (samplesOf(stream).get('v90') ?? []).filter(({ epoch }) => epoch === epochs[1]?.id);
  for (const [index, sample] of samples.entries()) {
    const last = samples[index - 1];
    if (last !== undefined) assert.equal(sample.dtsTicks, last.dtsTicks + last.durationTicks);
  }
  // What is left of the shed rung is nothing that anybody waits for.
  assert.equal(stream.hasTrack('v180'), false);
  assert.equal(stream.segment('v180', before?.id ?? '', stream.newestNumber).kind, 'never');

  // On air anew it is tried with the whole ladder.
  const ladders = () =>
    rig.lines.filter((line) => line.startsWith('on_air')).map((line) => /"rungs":"([^"]+)"/.exec(line)?.[1]);
  await play(await rig.open(), source, { clock: rig.clock, forMs: 1_000 });
  await rig.clock.until('the stream to be on air again', () => ladders().length > 2);
  assert.deepEqual(ladders(), ['320x180 160x90', '160x90', '320x180 160x90']);
});

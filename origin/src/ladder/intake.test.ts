import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { type Socket, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Intake } from './intake.ts';

const FRAMES = 2_100;

let folder = '';
let movie: Buffer;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hw-intake-'));
  const picture = ['-f', 'lavfi', '-i', 'color=size=32x32:rate=30', '-frames:v', String(FRAMES), '-c:v', 'libx264'];
  const fragments = ['-preset', 'ultrafast', '-tune', 'zerolatency', '-movflags', '+cmaf+empty_moov+frag_every_frame'];
  const args = ['-v', 'error', ...picture, ...fragments, '-f', 'mp4', 'pipe:1'];
  movie = spawnSync('ffmpeg', args, { maxBuffer: 16 * 1024 * 1024 }).stdout;
});
after(() => rm(folder, { recursive: true, force: true }));

interface Heard {
  readonly tracks: string[][];
  samples: number;
  readonly failures: string[];
}

async function openIntake(
  trackIds: string[],
): Promise<{ intake: Intake; heard: Heard; write: (track: string) => Socket }> {
  const heard: Heard = { tracks: [], samples: 0, failures: [] };
  const intake = await Intake.open(await mkdtemp(join(folder, 'i')), trackIds, {
    tracks: (inits) => heard.tracks.push([...inits.keys()].sort()),
    sample: () => (heard.samples += 1),
    failed: (error) => heard.failures.push(error.message),
  });
  const write = (track: string) => connect(intake.socketPath(track)).on('error', () => undefined);
  return { intake, heard, write };
}

test('samples are given out once every track has its header, and none is lost', async () => {
  const { intake, heard, write } = await openIntake(['v90', 'v180']);
  await using _ = intake;
  const early = movie.subarray(0, 200_000);
  const first = write('v90');
  await new Promise((resolve) => first.write(early, resolve));
  assert.deepEqual([heard.tracks, heard.samples], [[], 0]);
  first.end(movie.subarray(early.length));
  write('v180').end(movie);
  await intake.ended;
  assert.deepEqual(heard, { tracks: [['v180', 'v90']], samples: 2 * FRAMES, failures: [] });
});

test('a track whose header does not come is a failure, told once, and everything is read on', async () => {
  const { intake, heard, write } = await openIntake(['v90', 'v180']);
  await using _ = intake;
  write('v90').end(movie);
  write('v180').end();
  await intake.ended;
  assert.deepEqual(heard, { tracks: [], samples: 0, failures: ['no header on every track after 2000 samples'] });
});

test('what is no MP4 is a failure, told once', async () => {
  const { intake, heard, write } = await openIntake(['v90']);
  await using _ = intake;
  write('v90').end(Buffer.alloc(100_000, Uint8Array.of(0, 0, 0, 4)));
  await intake.ended;
  assert.equal(heard.failures.length, 1);
});

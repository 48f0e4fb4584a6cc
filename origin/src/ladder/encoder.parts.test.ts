import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readAudioBody, readVideoBody } from '@headwater/media/flv/tag-body';
import { FastClock, isHeader, makeSource } from '../test-publisher.ts';
import { Encoder } from './encoder.ts';
import { checkFfmpeg } from './ffmpeg-process.ts';
import { AUDIO_SAMPLE_RATE, AUDIO_TRACK_ID, planLadder } from './plan.ts';
import { type AacSource, GroupCache, type TimedPacket, readAacSource, readAvcSource } from './source.ts';

const DAY_MS = 24 * 3_600_000;
/** What a group holds of sound alone, and some more. */
const GROUP = 40;

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hw-test-'));
});
after(() => rm(folder, { recursive: true, force: true }));

function soundOnly(): { aac: AacSource; frames: Uint8Array[] } {
  const packets = makeSource({ video: false, seconds: 4 }).filter(({ kind }) => kind === 'audio');
  const header = packets.find(isHeader)?.payload ?? new Uint8Array();
  const body = readAudioBody(header);
  assert.ok(body.kind === 'sequence-header');
  const frames = packets.filter((packet) => !isHeader(packet)).map(({ payload }) => payload);
  return { aac: readAacSource(header, body.data), frames };
}

const NO_TARGET = { tracks: () => undefined, nextTicks: () => null, takesFromMs: (startMs: number) => startMs };

test('a picture without a key frame for as long as FLV can count waits for one, and harms nobody', async () => {
  const source = makeSource({ seconds: 1 }).filter(({ kind }) => kind !== 'data');
  const headerOf = (wanted: 'audio' | 'video') =>
    source.find((packet) => packet.kind === wanted && isHeader(packet))?.payload ?? new Uint8Array();
  const video = readVideoBody(headerOf('video'));
  const audio = readAudioBody(headerOf('audio'));
  assert.ok(video.kind === 'sequence-header' && audio.kind === 'sequence-header');
  const avc = readAvcSource(headerOf('video'), video.data);
  const aac = readAacSource(headerOf('audio'), audio.data);
  const clock = new FastClock();
  const group = new GroupCache(true);
  let frames = 0;
  await using encoder = new Encoder({
    plan: planLadder({ video: { ...avc, frameRate: 30 }, ladder: null, segmentDurationMs: 2_000, cores: 1 }),
    avc: () => avc,
    aac: () => aac,
    group,
    target: { ...NO_TARGET, sample: (trackId) => void (frames += Number(trackId !== AUDIO_TRACK_ID)) },
    ffmpegPath: 'ffmpeg',
    socketFolder: folder,
    clock,
    random: () => 0.5,
    onExit: ({ reason }) => assert.fail(reason),
  });
  const startMs = Math.round(clock.nowMs());
  const media = source.filter((packet) => !isHeader(packet));
  const writeFrom = (beginMs: number): void => {
    for (const { kind, payload, timestampMs } of media) {
      const timeMs = beginMs + timestampMs;
      const keyframe = kind === 'video' && payload[0] === 0x17;
      const packet = { kind, payload, timeMs, ptsMs: timeMs, keyframe } as TimedPacket;
      group.push(packet);
      encoder.write(packet);
    }
  };
  /** Until so many frames came out: what comes before the encoder's start is not kept. */
  const playUntil = async (count: number, beginMs: number): Promise<void> => {
    let round = 0;
    await clock.until(`${count} frames`, () => {
      // A second of media, now and then.
      if (round % 50 === 0) writeFrom(beginMs + 22 * round);
      round += 1;
      return frames >= count;
    });
  };
  await playUntil(20, startMs);
  const timeMs = startMs + 60 * DAY_MS;
  const late = { kind: 'video', keyframe: false, timeMs, ptsMs: timeMs, payload: new Uint8Array(9) } as const;
  assert.equal(encoder.write(late), true);
  await playUntil(frames + 40, timeMs + 40);
});

test('sound alone goes on past what FLV can count: it is fed from a new base', async () => {
  const { aac, frames } = soundOnly();
  const clock = new FastClock();
  const group = new GroupCache(false);
  const cameMs: number[] = [];
  await using encoder = new Encoder({
    plan: planLadder({ video: null, ladder: null, segmentDurationMs: 2_000, cores: 1 }),
    avc: () => null,
    aac: () => aac,
    group,
    target: {
      ...NO_TARGET,
      sample: (_, { dtsTicks }) => cameMs.push((dtsTicks * 1000) / AUDIO_SAMPLE_RATE),
    },
    ffmpegPath: 'ffmpeg',
    socketFolder: folder,
    clock,
    random: () => 0.5,
    onExit: ({ reason }) => assert.fail(reason),
  });
  const packetsFrom = (startMs: number): TimedPacket[] =>
    frames.map((payload, index) => {
      const timeMs = startMs + Math.round((index * 1024) / 48);
      return { kind: 'audio', keyframe: false, timeMs, ptsMs: timeMs, payload };
    });
  const startMs = Math.round(clock.nowMs());
  for (const wantedMs of [startMs, startMs + 21 * DAY_MS, startMs + 90 * DAY_MS]) {
    const packets = packetsFrom(wantedMs);
    // As if it had gone on all the time: the group has none of the days before.
    for (const packet of packets.slice(0, GROUP)) group.push(packet);
    for (const packet of packets.slice(GROUP)) {
      group.push(packet);
      encoder.write(packet);
    }
    await clock.until('sound of the day', () => (cameMs.at(-1) ?? 0) > wantedMs + 3_500);
    const ofTheDay = cameMs.filter((timeMs) => timeMs > wantedMs - DAY_MS);
    assert.ok(ofTheDay.every((timeMs) => timeMs >= wantedMs && timeMs < wantedMs + 4_100));
  }
});

test('an encoder that is stopped before its process is there starts none', async () => {
  const { aac, frames } = soundOnly();
  const clock = new FastClock();
  const group = new GroupCache(false);
  const startMs = Math.round(clock.nowMs());
  for (const [index, payload] of frames.slice(0, GROUP).entries()) {
    const timeMs = startMs + Math.round((index * 1024) / 48);
    group.push({ kind: 'audio', keyframe: false, timeMs, ptsMs: timeMs, payload });
  }
  let started = 0;
  const encoder = new Encoder({
    plan: planLadder({ video: null, ladder: null, segmentDurationMs: 2_000, cores: 1 }),
    avc: () => null,
    // Read when a process is started.
    aac: () => {
      started += 1;
      return aac;
    },
    group,
    target: { ...NO_TARGET, sample: () => undefined },
    ffmpegPath: 'ffmpeg',
    socketFolder: folder,
    clock,
    random: () => 0.5,
    onExit: ({ reason }) => assert.fail(reason),
  });
  await encoder[Symbol.asyncDispose]();
  assert.equal(started, 0);
});

test('an encoder that hangs at every start is given up, however long each took', async () => {
  // What ffmpeg can do is asked once; this one would never tell.
  assert.equal(await checkFfmpeg('ffmpeg'), null);
  const { aac, frames } = soundOnly();
  const ffmpegPath = join(folder, 'deaf');
  await writeFile(ffmpegPath, '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 });
  // Time flies: each start is looked at for ten seconds and more.
  const clock = { nowMs: () => monotonicMs(), monotonicMs };
  const group = new GroupCache(false);
  group.push({ kind: 'audio', keyframe: false, timeMs: 0, ptsMs: 0, payload: frames[0] as Uint8Array });
  const exits: string[] = [];
  await using encoder = new Encoder({
    plan: planLadder({ video: null, ladder: null, segmentDurationMs: 2_000, cores: 1 }),
    avc: () => null,
    aac: () => aac,
    group,
    target: { ...NO_TARGET, sample: () => undefined },
    ffmpegPath,
    socketFolder: folder,
    clock,
    random: () => 0,
    onExit: ({ reason, failures }) => exits.push(`${failures}: ${reason}`),
  });
  assert.match(await encoder.failed, /nothing came out/);
  assert.equal(exits.length, 6);
  assert.match(exits.at(-1) ?? '', /^6: nothing came out/);
});

function monotonicMs(): number {
  return performance.now() * 20;
}

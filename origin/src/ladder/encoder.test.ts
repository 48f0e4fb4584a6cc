import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readAudioBody } from '@headwater/media/flv/tag-body';
import { FastClock, isHeader, makeSource } from '../test-publisher.ts';
import { Encoder } from './encoder.ts';
import { AUDIO_SAMPLE_RATE, planLadder } from './plan.ts';
import { type AacSource, GroupCache, type TimedPacket, readAacSource } from './source.ts';

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
      tracks: () => undefined,
      sample: (_, { dtsTicks }) => cameMs.push((dtsTicks * 1000) / AUDIO_SAMPLE_RATE),
      nextTicks: () => null,
      takesFromMs: (startMs) => startMs,
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

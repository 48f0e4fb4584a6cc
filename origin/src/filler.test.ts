import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeAudioSpecificConfig } from '@headwater/media/codec/aac';
import { writeAacHeaderBody } from '@headwater/media/flv/tag-body';
import { Filler, STALL_FRAMES, STALL_MS } from './filler.ts';
import { readAacSource } from './ladder/source.ts';

const config = writeAudioSpecificConfig({ sampleRate: 48_000, channels: 2 });
const FRAME_MS = 1024 / 48;

function heardAt(nowMs: number): Filler {
  const filler = new Filler();
  filler.setSound(readAacSource(writeAacHeaderBody(config), config));
  filler.heard('video', nowMs, nowMs);
  filler.heard('audio', nowMs, nowMs);
  return filler;
}

const count = (filler: Filler, nowMs: number, kind: 'audio' | 'video') =>
  filler.due(nowMs, { video: true }).filter((filling) => filling.kind === kind).length;

test('nothing is due before the stall, the picture and all the sound since at its start', () => {
  const filler = heardAt(0);
  assert.deepEqual(filler.due(STALL_MS, { video: true }), []);
  const due = filler.due(STALL_MS + 1, { video: true });
  assert.equal(due.filter(({ kind }) => kind === 'video').length, 1);
  const sound = due.filter(({ kind }) => kind === 'audio');
  assert.equal(sound.length, Math.ceil((STALL_MS + 1) / FRAME_MS) - 1);
  assert.equal(sound[0]?.timeMs, FRAME_MS);
});

test('the picture is repeated ten times a second, the sound without a hole', () => {
  const filler = heardAt(0);
  let [pictures, frames] = [0, 0];
  for (let nowMs = 0; nowMs <= 10_000; nowMs += 20) {
    pictures += count(filler, nowMs, 'video');
    frames += filler.due(nowMs, { video: false }).length;
  }
  assert.ok(pictures >= 92 && pictures <= 94, `${pictures}`);
  // The call for the picture took its share of the sound, so the two together are what there is.
  assert.ok(frames <= 10_000 / FRAME_MS);
  assert.ok(Math.abs(filler.soundEndMs - 10_000) <= FRAME_MS);
});

test('a source of one frame a second stalls when three of them are missing', () => {
  const filler = heardAt(0);
  filler.setPicture(1_000);
  const due = filler.due(STALL_FRAMES * 1_000, { video: true });
  assert.ok(due.length > 0 && due.every(({ kind }) => kind === 'audio'));
  assert.equal(count(filler, STALL_FRAMES * 1_000 + 1, 'video'), 1);
});

test('a packet of its kind ends the stall, and says that it did', () => {
  const filler = heardAt(0);
  filler.due(1_000, { video: true });
  assert.equal(filler.heard('video', 1_010, 1_010), true);
  assert.equal(filler.heard('video', 1_040, 1_040), false);
  assert.equal(count(filler, 1_100, 'video'), 0);
  assert.ok(count(filler, 1_200, 'audio') > 0);
});

test('sound alone needs no picture', () => {
  assert.ok(
    heardAt(0)
      .due(5_000, { video: false })
      .every(({ kind }) => kind === 'audio'),
  );
});

test('one turn gives out no more sound than the limit', () => {
  const filler = heardAt(0);
  assert.ok(count(filler, 3_600_000, 'audio') <= 65);
});

test('a publisher that was made to wait has not stalled; one that had stalled before still has', () => {
  const waited = heardAt(0);
  waited.excuse(5_000);
  assert.deepEqual(waited.due(5_000 + STALL_MS, { video: true }), []);
  assert.ok(waited.due(5_000 + STALL_MS + 1, { video: true }).length > 0);
  const stalled = heardAt(0);
  stalled.due(1_000, { video: true });
  stalled.excuse(5_000);
  assert.equal(count(stalled, 5_000, 'video'), 1);
});

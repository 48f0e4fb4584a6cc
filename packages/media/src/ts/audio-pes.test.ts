import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAudioSpecificConfig, writeAudioSpecificConfig } from '../codec/aac.ts';
import { MediaError } from '../media-error.ts';
import type { Sample } from '../mp4/sample.ts';
import { audioPes } from './audio-pes.ts';
import type { Pes } from './pes.ts';

const CONFIG = parseAudioSpecificConfig(writeAudioSpecificConfig({ sampleRate: 48_000, channels: 2 }));

function frames(count: number, bytes = 3, startTicks = 0): Sample[] {
  return Array.from({ length: count }, (_, index) => ({
    dtsTicks: startTicks + index * 1024,
    ptsTicks: startTicks + index * 1024,
    durationTicks: 1024,
    sync: true,
    data: new Uint8Array(bytes).fill(index + 1),
  }));
}

function mux(samples: readonly Sample[], carriesClock = false): readonly Pes[] {
  return audioPes(samples, { pid: 257, timescale: 48_000, config: CONFIG, carriesClock }).units;
}

function body(pes: Pes | undefined): string {
  assert.ok(pes !== undefined);
  const target = new Uint8Array(pes.bodyBytes);
  pes.writeBody(target, 0);
  return Buffer.from(target).toString('hex');
}

test('frames become ADTS frames, as many to a packet as 100 ms hold', () => {
  const packets = mux(frames(9));
  assert.deepEqual(
    packets.map((pes) => pes.bodyBytes),
    [40, 40, 10],
  );
  assert.deepEqual(
    packets.map((pes) => pes.ptsTicks),
    [0, 4 * 1920, 8 * 1920],
  );
  // syncword, MPEG-4 AAC-LC, 48 kHz, two channels, 10 bytes
  const header = 'fff14c80015ffc';
  assert.equal(body(packets[0]), `${header}010101${header}020202${header}030303${header}040404`);
});

test('a gap starts a packet, so that its time is said, also one that a packet could span', () => {
  const packets = mux([...frames(2), ...frames(2, 3, 3_000)]);
  assert.deepEqual(
    packets.map((pes) => [pes.ptsTicks, pes.bodyBytes]),
    [
      [0, 20],
      [5_625, 20],
    ],
  );
});

test('a packet never holds more bytes than its length can say', () => {
  const long = frames(40, 8000).map((frame, index) => ({ ...frame, ptsTicks: index * 10, durationTicks: 10 }));
  const packets = mux(long);
  assert.deepEqual(
    packets.map((pes) => pes.bodyBytes / 8007),
    [8, 8, 8, 8, 8],
  );
});

test('only packets that carry the clock are points to start from', () => {
  assert.ok(mux(frames(9), true).every((pes) => pes.randomAccess));
  assert.ok(mux(frames(9)).every((pes) => !pes.randomAccess));
});

test('a frame that ADTS cannot hold is an error: 8,191 bytes with the header are the most', () => {
  assert.equal(body(mux(frames(1, 8184))[0]).length, 2 * 8191);
  assert.throws(
    () => body(mux(frames(1, 8185))[0]),
    (error) => error instanceof MediaError && error.code === 'adts',
  );
});

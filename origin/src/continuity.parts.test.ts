/** What a publisher, an encoder or an origin can do to a stream, with the real ffmpeg, and what players must not notice of it. */

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { LiveStream } from './live/stream.ts';
import type { PublishPacket } from './publish.ts';
import { isHeader, makeSource, play } from './test-publisher.ts';
import { type Rig, signalEncoders, startRig } from './test-rig.ts';
import { assertAligned, assertContinuous, samplesOf, wholeTimeline } from './test-timeline.ts';

let folder = '';
let both: PublishPacket[] = [];
const slow = new Map<number, PublishPacket[]>();
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hw-test-'));
  both = makeSource();
  // Here, and not beside a test that is measured: making one holds the process up.
  for (const rate of [5, 1]) slow.set(rate, makeSource({ rate, seconds: 6 }));
});
after(() => rm(folder, { recursive: true, force: true }));

/** Ends the stream, so that everything in the encoder has come out, and checks what every case wants. */
async function finish(rig: Rig, slackTicks = 0): Promise<LiveStream> {
  await rig.caughtUp();
  const stream = rig.stream();
  await rig.desk[Symbol.asyncDispose]();
  assertContinuous(stream, slackTicks);
  assertAligned(stream);
  return stream;
}

function withComposition(packet: PublishPacket, compositionMs: number): PublishPacket {
  const payload = Buffer.from(packet.payload);
  payload.writeIntBE(compositionMs, 2, 3);
  return { ...packet, payload };
}

function framesOf(rig: Rig): number {
  return samplesOf(rig.stream()).get('v180')?.length ?? 0;
}

function spanMs(stream: LiveStream, track: string): number {
  const samples = samplesOf(stream).get(track) ?? [];
  const [first, last] = [samples[0], samples.at(-1)];
  const timescale = wholeTimeline(stream).tracks.find(({ id }) => id === track)?.timescale ?? NaN;
  return first === undefined || last === undefined
    ? 0
    : ((last.dtsTicks + last.durationTicks - first.dtsTicks) * 1000) / timescale;
}

// Each mostly waits for its clock.
suite('continuity', { concurrency: 3 }, () => {
  test('a steady publisher: every rendition cut at the same places', async () => {
    await using rig = await startRig(folder, 'steady');
    await play(await rig.open(), both, { clock: rig.clock, forMs: 6_000 });
    const stream = await finish(rig);
    const timeline = wholeTimeline(stream);
    assert.deepEqual(
      timeline.tracks.map(({ id }) => id),
      ['v180', 'v90', 'a0'],
    );
    assert.equal(timeline.epochs.length, 1);
    assert.ok(spanMs(stream, 'v180') > 5_700, `${spanMs(stream, 'v180')} ms came out`);
    assert.ok(Math.abs(spanMs(stream, 'v180') - spanMs(stream, 'a0')) < 150);
    const whole = timeline.windows['v180']?.slice(1, -1).filter(({ parts }) => parts.length > 0) ?? [];
    assert.ok(whole.every(({ durationTicks, complete }) => complete && durationTicks === 180_000));
    assert.deepEqual(
      whole.flatMap(({ parts }) => parts.map(({ durationTicks }) => durationTicks)),
      whole.flatMap(() => Array<number>(6).fill(30_000)),
    );
  });

  for (const [rate, partMs] of [
    [5, 400],
    [1, 1_000],
  ] as const) {
    test(`a source of ${rate} frames a second is encoded as it is`, async () => {
      await using rig = await startRig(folder, `rate${rate}`);
      await play(await rig.open(), slow.get(rate) ?? [], { clock: rig.clock, forMs: 6_000 });
      await rig.caughtUp(1_000 / rate);
      const stream = rig.stream();
      await rig.desk[Symbol.asyncDispose]();
      assertContinuous(stream);
      const { tracks, partDurationMs } = wholeTimeline(stream);
      assert.deepEqual([tracks[0]?.frameRate, partDurationMs], [[rate, 1], partMs]);
      const frames = samplesOf(stream).get('v180') ?? [];
      assert.ok(frames.every(({ durationTicks }) => durationTicks === 90_000 / rate));
      // A busy machine's clock may run on for a while before the end.
      assert.ok(frames.length >= 4 * rate && frames.length < 12 * rate, `${frames.length} frames`);
    });
  }

  test('a publisher that returns within the grace, with its clock begun anew: no discontinuity', async () => {
    await using rig = await startRig(folder, 'return');
    const first = await rig.open();
    await play(first, both, { clock: rig.clock, forMs: 4_000, firstTimestampMs: 500_000 });
    first.close('gone');
    await rig.clock.pass(3_000);
    await play(await rig.open(), both, { clock: rig.clock, forMs: 4_000 });
    const stream = await finish(rig);
    assert.equal(wholeTimeline(stream).epochs.length, 1);
    assert.ok(spanMs(stream, 'v180') > 10_500, `${spanMs(stream, 'v180')} ms came out`);
  });

  test('a second publisher is refused, until the first has been silent for 3 s', async () => {
    await using rig = await startRig(folder, 'second');
    const first = await rig.open();
    const request = { stream: 'show', key: 'k', remoteAddress: '127.0.0.1' };
    await play(first, both, { clock: rig.clock, forMs: 2_000 });
    assert.deepEqual(await rig.desk.open(request), { ok: false, code: 'stream_claimed' });
    await rig.clock.pass(3_100);
    const second = await rig.open();
    assert.deepEqual(await first.closed, { reason: 'replaced' });
    await play(second, both, { clock: rig.clock, forMs: 2_000 });
    // What the replaced one still sends goes nowhere.
    assert.equal(first.write(both.at(-1) as PublishPacket), true);
    const stream = await finish(rig);
    assert.equal(wholeTimeline(stream).epochs.length, 1);
    assert.ok(spanMs(stream, 'v180') > 6_500);
  });

  for (const rate of [1.03, 0.97]) {
    test(`a publisher whose clock runs at ${rate}: media time follows the wall clock`, async () => {
      await using rig = await startRig(folder, `drift${rate}`);
      const forMs = 15_000;
      await play(await rig.open(), both, { clock: rig.clock, forMs, rate });
      const stream = await finish(rig);
      assert.equal(wholeTimeline(stream).epochs.length, 1);
      // Unfollowed, it would have been off by 450 ms in the end.
      for (const track of ['v180', 'a0']) {
        assert.ok(
          Math.abs(spanMs(stream, track) - forMs) < 350,
          `${track}: ${spanMs(stream, track)} ms in ${forMs} ms`,
        );
      }
    });
  }

  for (const compositionMs of [600_000, -600_000]) {
    test(`a frame with a composition time of ${compositionMs} ms is passed over`, async () => {
      await using rig = await startRig(folder, `composition${compositionMs}`);
      const odd = both.findIndex(({ kind, timestampMs }) => kind === 'video' && timestampMs > 2_500);
      const source = both.with(odd, withComposition(both[odd] as PublishPacket, compositionMs));
      await play(await rig.open(), source, { clock: rig.clock, forMs: 6_000 });
      const stream = await finish(rig);
      assert.ok(stream.newestNumber * 2_000 < rig.clock.nowMs(), 'numbers from the future');
      assert.ok(spanMs(stream, 'v180') > 5_700, `${spanMs(stream, 'v180')} ms came out`);
    });
  }

  test('another resolution: the same renditions go on', async () => {
    await using rig = await startRig(folder, 'resolution');
    const first = await rig.open();
    await play(first, both, { clock: rig.clock, forMs: 3_000 });
    first.close('gone');
    await play(await rig.open(), makeSource({ size: '240x180', rate: 25, seconds: 4 }), {
      clock: rig.clock,
      forMs: 3_500,
    });
    const stream = await finish(rig);
    assert.equal(wholeTimeline(stream).epochs.length, 1);
    assert.ok(spanMs(stream, 'v180') > 5_500, `${spanMs(stream, 'v180')} ms came out`);
  });

  test('another sound format within one publish: the same track goes on', async () => {
    await using rig = await startRig(folder, 'sound');
    const mono = makeSource({ sampleRate: 44_100, channels: 1, seconds: 4 });
    const sink = await rig.open();
    await play(sink, both, { clock: rig.clock, forMs: 3_000 });
    await play(sink, mono, { clock: rig.clock, forMs: 3_500, firstTimestampMs: 3_033 });
    const stream = await finish(rig);
    assert.equal(wholeTimeline(stream).epochs.length, 1);
    assert.ok(spanMs(stream, 'a0') > 5_500, `${spanMs(stream, 'a0')} ms came out`);
  });

  test('a stall in the middle of a group of pictures: frames and silence stand in, then it goes on', async () => {
    await using rig = await startRig(folder, 'stall');
    const sink = await rig.open();
    await play(sink, both, { clock: rig.clock, forMs: 3_500 });
    const before = framesOf(rig);
    await rig.clock.pass(3_000);
    await rig.clock.until('frames while nothing goes in', () => framesOf(rig) > before + 40);
    const rest = both.filter((packet) => packet.timestampMs > 3_500 && !isHeader(packet));
    await play(
      sink,
      rest.map((packet) => ({ ...packet, timestampMs: packet.timestampMs - 3_500 })),
      {
        clock: rig.clock,
        forMs: 2_500,
        firstTimestampMs: 6_500,
      },
    );
    const stream = await finish(rig);
    assert.equal(wholeTimeline(stream).epochs.length, 1);
    assert.ok(spanMs(stream, 'v180') > 8_500, `${spanMs(stream, 'v180')} ms came out`);
  });

  test('sound that goes missing, and comes back', async () => {
    await using rig = await startRig(folder, 'missing');
    const wanted = ({ kind, timestampMs }: PublishPacket) =>
      kind !== 'audio' || timestampMs < 2_000 || timestampMs > 5_000;
    await play(await rig.open(), both, { clock: rig.clock, forMs: 7_000, wanted });
    const stream = await finish(rig);
    assert.equal(wholeTimeline(stream).epochs.length, 1);
    assert.ok(Math.abs(spanMs(stream, 'a0') - spanMs(stream, 'v180')) < 400);
  });

  test('a publisher without sound gets a silent track', async () => {
    await using rig = await startRig(folder, 'silent');
    await play(await rig.open(), makeSource({ audio: false, seconds: 5 }), { clock: rig.clock, forMs: 4_000 });
    const stream = await finish(rig);
    assert.deepEqual(
      wholeTimeline(stream).tracks.map(({ id }) => id),
      ['v180', 'v90', 'a0'],
    );
    assert.ok(Math.abs(spanMs(stream, 'a0') - spanMs(stream, 'v180')) < 400, `${spanMs(stream, 'a0')} ms of silence`);
  });

  test('sound alone; a picture that joins it opens an epoch', async () => {
    await using rig = await startRig(folder, 'alone');
    const sink = await rig.open();
    await play(sink, makeSource({ video: false, seconds: 5 }), { clock: rig.clock, forMs: 4_000 });
    assert.deepEqual(
      wholeTimeline(rig.stream()).tracks.map(({ id }) => id),
      ['a0'],
    );
    await rig.clock.until('sound', () => spanMs(rig.stream(), 'a0') > 2_000);
    await play(sink, both, { clock: rig.clock, forMs: 5_000, firstTimestampMs: 4_030 });
    await rig.caughtUp();
    await rig.desk[Symbol.asyncDispose]();
    const timeline = wholeTimeline(rig.stream());
    assert.deepEqual(
      timeline.tracks.map(({ id }) => id),
      ['v180', 'v90', 'a0'],
    );
    assert.deepEqual(
      timeline.epochs.map(({ ordinal }) => ordinal),
      [0, 1],
    );
  });

  test('a restarted origin: numbers go on, one epoch more, no name twice', async () => {
    const names = new Set<string>();
    let newest = 0;
    for (const ordinal of [0, 1, 2]) {
      await using rig = await startRig(folder, 'restart');
      await play(await rig.open(), both, { clock: rig.clock, forMs: 3_500 });
      await rig.caughtUp();
      await rig.desk[Symbol.asyncDispose]();
      const { epochs, windows } = wholeTimeline(rig.stream());
      assert.deepEqual(
        epochs.map((epoch) => epoch.ordinal),
        [ordinal],
      );
      for (const [track, window] of Object.entries(windows)) {
        for (const { number, epoch } of window) {
          const name = `${track}/${epoch}/${number}`;
          assert.ok(!names.has(name), name);
          assert.ok(!names.has(`${track}/${number}`), `${number} is used by two epochs`);
          names.add(name).add(`${track}/${number}`);
          assert.ok(number > newest);
        }
      }
      newest = rig.stream().newestNumber;
    }
  });

  test('after the grace the stream ends; the next publish opens an epoch in the same window', async () => {
    await using rig = await startRig(folder, 'grace', { graceMs: 2_000 });
    const first = await rig.open();
    await play(first, both, { clock: rig.clock, forMs: 3_000 });
    first.close('gone');
    await rig.clock.until('the end', () => wholeTimeline(rig.stream()).state === 'ended');
    await play(await rig.open(), both, { clock: rig.clock, forMs: 4_000 });
    await rig.caughtUp();
    await rig.desk[Symbol.asyncDispose]();
    const { epochs, windows } = wholeTimeline(rig.stream());
    assert.deepEqual(
      epochs.map(({ ordinal }) => ordinal),
      [0, 1],
    );
    const numbers = (windows['v180'] ?? []).map(({ number }) => number);
    assert.deepEqual(
      numbers,
      [...new Set(numbers)].sort((a, b) => a - b),
    );
    assert.equal(rig.lines.filter((line) => line.includes('did not return')).length, 1);
  });
});

// Alone: what it measures is a promise.
test('an encoder that is killed: frames again within 2 s, none twice, none missing', async () => {
  await using rig = await startRig(folder, 'killed');
  const sink = await rig.open();
  const playing = play(sink, both, { clock: rig.clock, forMs: 8_000 });
  await rig.clock.pass(3_500);
  const before = framesOf(rig);
  const killedAt = performance.now();
  await signalEncoders(rig, 'SIGKILL');
  while (framesOf(rig) <= before + 30) {
    assert.ok(performance.now() - killedAt < 2_000, 'no frames after 2 s');
    await rig.clock.pass(20);
  }
  await playing;
  await rig.caughtUp();
  // The renditions may have been cut off a frame apart: the one behind lacks a frame or two, no more.
  const stream = rig.stream();
  await rig.desk[Symbol.asyncDispose]();
  assertContinuous(stream, 2 * 3_003);
  assert.equal(wholeTimeline(stream).epochs.length, 1);
  assert.equal(rig.lines.filter((line) => line.startsWith('encoder_exited')).length, 1);
  assert.ok(spanMs(stream, 'v180') > 7_500, `${spanMs(stream, 'v180')} ms came out`);
});

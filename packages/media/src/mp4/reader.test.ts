import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { box, hex } from '../../fixtures/box-bytes.ts';
import { AAC, AUDIO_INPUT, CMAF_FLAGS, encodeMp4, H264, join, VIDEO_INPUT } from '../../fixtures/ffmpeg.ts';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { parseFragments, writeFragment } from './fragment.ts';
import { parseInit, writeInit } from './init.ts';
import { FragmentReader, HEADER_BOX_LIMIT_BYTES, MDAT_LIMIT_BYTES, type ReaderEvent } from './reader.ts';
import type { Sample } from './sample.ts';

function readIn(mp4: Uint8Array, chunkBytes: (index: number) => number): ReaderEvent[] {
  const reader = new FragmentReader();
  const events: ReaderEvent[] = [];
  for (let at = 0, index = 0; at < mp4.length; index += 1) {
    const size = chunkBytes(index);
    // Each chunk in a buffer of its own, as they come from a pipe.
    events.push(...reader.push(mp4.slice(at, at + size)));
    at += size;
  }
  return events;
}

const VIDEO = encodeMp4([
  ...VIDEO_INPUT,
  '-t',
  '1',
  ...H264,
  '-bf',
  '2',
  '-movflags',
  `${CMAF_FLAGS}+frag_every_frame`,
]);
const AUDIO = encodeMp4([...AUDIO_INPUT, '-t', '1', ...AAC, '-movflags', `${CMAF_FLAGS}+frag_every_frame`]);

for (const [name, mp4] of [
  ['video', VIDEO],
  ['audio', AUDIO],
] as const) {
  test(`${name}: the chunks make no difference`, () => {
    const whole = readIn(mp4, () => mp4.length);
    assert.ok(whole.length > 30);
    for (const size of [1, 7, 8, 16, 100, 4096])
      assert.deepEqual(
        readIn(mp4, () => size),
        whole,
      );
    assert.deepEqual(
      readIn(mp4, (index) => 1 + ((index * 7919) % 1500)),
      whole,
    );
  });

  test(`${name}: what parseInit and parseFragments read`, () => {
    const [first, ...rest] = readIn(mp4, () => 1000);
    assert.ok(first?.kind === 'init');
    assert.deepEqual(parseInit(first.bytes), first.init);
    assert.deepEqual(Buffer.from(mp4.subarray(0, first.bytes.length)), Buffer.from(first.bytes));
    assert.deepEqual(
      rest.map((event) => event.kind === 'fragment' && event.fragment),
      parseFragments(mp4, first.init),
    );
  });
}

const INIT = ((): Uint8Array => {
  const [event] = readIn(VIDEO, () => VIDEO.length);
  assert.ok(event?.kind === 'init');
  return writeInit(event.init);
})();
const SAMPLE: Sample = { dtsTicks: 0, ptsTicks: 0, durationTicks: 3000, sync: true, data: Uint8Array.of(1, 2, 3) };

suite('a stream of boxes', () => {
  test('samples are views of the chunk where it held the whole mdat', () => {
    const chunk = join([INIT, writeFragment({ sequence: 1, trackId: 1, samples: [SAMPLE] })]);
    const [, event] = new FragmentReader().push(chunk);
    assert.ok(event?.kind === 'fragment');
    assert.equal(event.fragment.samples[0]?.data.buffer, chunk.buffer);
  });

  test('a prft goes with its fragment, and with no other', () => {
    const prft = { wallClockMs: 1_795_390_000_000, mediaTimeTicks: 0, flags: 0 };
    const stream = join([
      INIT,
      writeFragment({ sequence: 1, trackId: 1, samples: [SAMPLE], prft }),
      writeFragment({ sequence: 2, trackId: 1, samples: [SAMPLE], styp: true }),
    ]);
    for (const size of [1, stream.length]) {
      const found = readIn(stream, () => size).map((event) => event.kind === 'fragment' && event.fragment.prft);
      assert.deepEqual(found, [false, prft, undefined]);
    }
  });

  test('boxes that nobody wants pass by, of any size and never held', () => {
    const reader = new FragmentReader();
    reader.push(hex('00000001 66726565 0000004000000000'));
    const megabyte = new Uint8Array(1024 * 1024);
    for (let count = 0; count < 64; count += 1) assert.deepEqual(reader.push(megabyte), []);
    const stream = join([box('free', '00'), box('mdat', '0000'), INIT, box('sidx', '00')]);
    for (const size of [1, 3, stream.length]) {
      assert.deepEqual(
        readIn(stream, () => size).map((event) => event.kind),
        ['init'],
      );
    }
  });

  test('64-bit sizes, also where the header alone fills the box', () => {
    const fragment = writeFragment({ sequence: 1, trackId: 1, samples: [SAMPLE] });
    const moofBytes = fragment.length - 8 - SAMPLE.data.length;
    const moof = Buffer.from(fragment.subarray(0, moofBytes));
    // The data is eight bytes further on behind the longer header.
    const offsetAt = moof.indexOf('trun') + 12;
    moof.writeInt32BE(moof.readInt32BE(offsetAt) + 8, offsetAt);
    const mdat = join([hex('00000001 6d646174 0000000000000013'), SAMPLE.data]);
    const stream = join([hex('00000001 66747970 0000000000000018 6d703432 00000000'), INIT.subarray(28), moof, mdat]);
    for (const size of [1, 9, stream.length]) {
      const [, event] = readIn(stream, () => size);
      assert.ok(event?.kind === 'fragment');
      assert.deepEqual(event.fragment.samples, [SAMPLE]);
    }
  });
});

suite('a stream that is none', () => {
  test('an error is at its place in the stream, and stays', () => {
    const stream = join([INIT, box('moof', box('mfhd', '00000000'))]);
    for (const size of [1, 100, stream.length]) {
      const reader = new FragmentReader();
      const push = (): void => {
        for (let at = 0; at < stream.length; at += size) reader.push(stream.slice(at, at + size));
        reader.push(box('mdat', '00'));
      };
      assertMediaError(push, 'truncated', INIT.length + 8 + 12);
      assertMediaError(() => reader.push(INIT), 'truncated', INIT.length + 8 + 12);
    }
  });

  test('what is out of order', () => {
    const fragment = writeFragment({ sequence: 1, trackId: 1, samples: [SAMPLE] });
    assertMediaError(() => new FragmentReader().push(fragment), 'box_missing', 0);
    assertMediaError(() => new FragmentReader().push(join([INIT, INIT])), 'box_repeated', INIT.length + 28);
    const moof = fragment.subarray(0, fragment.length - 11);
    assertMediaError(() => new FragmentReader().push(join([INIT, moof, moof])), 'mdat_missing', INIT.length);
    assertMediaError(() => new FragmentReader().push(hex('00000004 66726565')), 'box_size', 0);
  });

  test('a box has a largest size, looked at before any of it is kept', () => {
    const header = (type: string, size: number): Uint8Array => {
      const head = Buffer.alloc(8, type, 'latin1');
      head.writeUInt32BE(size);
      head.write(type, 4);
      return head;
    };
    for (const type of ['ftyp', 'moov', 'moof', 'prft']) {
      assert.deepEqual(new FragmentReader().push(header(type, HEADER_BOX_LIMIT_BYTES)), []);
      assertMediaError(() => new FragmentReader().push(header(type, HEADER_BOX_LIMIT_BYTES + 1)), 'box_limit', 0);
    }
    assert.deepEqual(new FragmentReader().push(header('mdat', MDAT_LIMIT_BYTES)), []);
    assertMediaError(() => new FragmentReader().push(header('mdat', MDAT_LIMIT_BYTES + 1)), 'box_limit', 0);
  });
});

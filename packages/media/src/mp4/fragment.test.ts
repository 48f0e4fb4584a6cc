import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createFile, MP4BoxBuffer, type Sample as Mp4BoxSample } from 'mp4box';
import { box } from '../../fixtures/box-bytes.ts';
import {
  AAC,
  AUDIO_INPUT,
  CMAF_FLAGS,
  decodeErrors,
  encodeMp4,
  H264,
  join,
  probePackets,
  probeStream,
  VIDEO_INPUT,
} from '../../fixtures/ffmpeg.ts';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { SAMPLE_LIMIT } from './box-moof.ts';
import { parseFragments, writeFragment, type Fragment } from './fragment.ts';
import { writeInit, type TrackInit } from './init.ts';
import { FragmentReader } from './reader.ts';
import type { Sample } from './sample.ts';

interface Recording {
  readonly mp4: Uint8Array;
  readonly init: TrackInit;
  readonly fragments: Fragment[];
}

function record(...args: string[]): Recording {
  const mp4 = encodeMp4(args);
  const [first, ...rest] = new FragmentReader().push(mp4);
  assert.ok(first?.kind === 'init');
  const fragments = rest.map((event) => {
    assert.ok(event.kind === 'fragment');
    return event.fragment;
  });
  return { mp4, init: first.init, fragments };
}

function samplesOf(recording: Recording): Sample[] {
  return recording.fragments.flatMap((fragment) => fragment.samples);
}

function later(sample: Sample, { timescale }: TrackInit): Sample {
  return { ...sample, dtsTicks: sample.dtsTicks + 10 * timescale, ptsTicks: sample.ptsTicks + 10 * timescale };
}

/** The samples that mp4box.js reads. */
function judge(file: Uint8Array): Mp4BoxSample[] {
  const judged = createFile();
  judged.onError = (module, message) => assert.fail(`${module}: ${message}`);
  judged.appendBuffer(MP4BoxBuffer.fromArrayBuffer(new Uint8Array(file).buffer, 0));
  judged.flush();
  return judged.getTrackSamplesInfo(1);
}

const VIDEO = [...VIDEO_INPUT, '-t', '3', ...H264];
const RECORDINGS: Readonly<Record<string, Recording>> = {
  'CMAF without B-frames, a frame a fragment': record(
    ...VIDEO,
    '-bf',
    '0',
    '-movflags',
    `${CMAF_FLAGS}+frag_every_frame`,
  ),
  'CMAF with B-frames and composition offsets below zero': record(
    ...VIDEO,
    '-bf',
    '3',
    '-movflags',
    `${CMAF_FLAGS}+frag_keyframe`,
  ),
  'fragments without CMAF, their base left unsaid': record(
    ...VIDEO,
    '-bf',
    '2',
    '-movflags',
    'frag_keyframe+empty_moov',
  ),
  'an absolute base, and an edit list': record(
    ...VIDEO,
    '-bf',
    '2',
    '-movflags',
    'frag_keyframe+delay_moov+omit_tfhd_offset',
  ),
  'an edit list': record(...VIDEO, '-bf', '2', '-movflags', 'frag_keyframe+delay_moov'),
  'audio, a frame a fragment': record(...AUDIO_INPUT, '-t', '3', ...AAC, '-movflags', `${CMAF_FLAGS}+frag_every_frame`),
  'audio, half a second a fragment': record(
    ...AUDIO_INPUT,
    '-t',
    '3',
    ...AAC,
    '-movflags',
    CMAF_FLAGS,
    '-frag_duration',
    '500000',
  ),
};

for (const [name, recording] of Object.entries(RECORDINGS)) {
  suite(`what ffmpeg writes: ${name}`, () => {
    test('is read as ffprobe reads it', () => {
      const probed = probePackets(recording.mp4);
      const samples = samplesOf(recording);
      assert.equal(samples.length, probed.length);
      assert.ok(probed.length >= 90);
      // ffprobe moves decode times back by the reordering, so what they differ by is one number for a whole file.
      const offset = (probed[0]?.dts ?? 0) - (samples[0]?.dtsTicks ?? 0);
      const shown = (probed[0]?.pts ?? 0) - (samples[0]?.ptsTicks ?? 0);
      for (const [index, packet] of probed.entries()) {
        const sample = samples[index] as Sample;
        assert.equal(sample.dtsTicks + offset, packet.dts);
        assert.equal(sample.ptsTicks + shown, packet.pts);
        assert.equal(sample.data.length, packet.size);
        assert.equal(sample.sync, packet.key);
      }
    });

    test('is the same from fragments of ours', () => {
      // Ten seconds later: the standard has no decode time below zero, which ffmpeg wraps and mp4box.js reads without a sign.
      const moved = recording.fragments.map(({ samples }) => samples.map((sample) => later(sample, recording.init)));
      const samples = moved.flat();
      const { trackId } = recording.init;
      const ours = moved.map((list, index) =>
        writeFragment({ sequence: index + 1, trackId, samples: list, styp: index === 0 }),
      );
      const back = ours.flatMap((bytes) => parseFragments(bytes, { ...recording.init, editShiftTicks: 0 }));
      assert.deepEqual(
        back.flatMap((fragment) => fragment.samples),
        samples,
      );
      // Not one byte of difference when written again.
      for (const [index, fragment] of back.entries()) {
        assert.deepEqual(writeFragment({ ...fragment, styp: index === 0 }), ours[index]);
      }
      assert.deepEqual(parseFragments(join(ours)), back);

      const file = join([writeInit(recording.init), ...ours]);
      assert.equal(decodeErrors(file), '');
      const probed = probePackets(file);
      const shown = (probed[0]?.pts ?? 0) - (samples[0]?.ptsTicks ?? 0);
      assert.deepEqual(
        probed.map(({ pts, size, key }) => [pts - shown, size, key]),
        samples.map(({ ptsTicks, data, sync }) => [ptsTicks, data.length, sync]),
      );
      assert.deepEqual(
        judge(file).map(({ dts, cts, size, is_sync }) => [dts, cts, size, is_sync]),
        samples.map(({ dtsTicks, ptsTicks, data, sync }) => [dtsTicks, ptsTicks, data.length, sync]),
      );
      const { codec_name, time_base } = probeStream(file, ['codec_name', 'time_base']);
      assert.equal(codec_name, recording.init.kind === 'video' ? 'h264' : 'aac');
      assert.equal(time_base, `1/${recording.init.timescale}`);
    });
  });
}

test('presentation starts at 0 where an edit list says so', () => {
  for (const name of ['an edit list', 'an absolute base, and an edit list']) {
    const recording = RECORDINGS[name] as Recording;
    assert.ok((recording.init.editShiftTicks ?? 0) < 0);
    assert.equal(Math.min(...samplesOf(recording).map((sample) => sample.ptsTicks)), 0);
  }
});

const START = 90_000 * 1_795_390_000;

/** Samples of 3000 ticks and 2 bytes, on today's clock. */
function samples(...changes: Partial<Sample>[]): Sample[] {
  return changes.map((change, index) => ({
    dtsTicks: START + 3000 * index,
    ptsTicks: START + 3000 * index,
    durationTicks: 3000,
    sync: index === 0,
    data: Uint8Array.of(index, 7),
    ...change,
  }));
}

suite('a fragment of ours', () => {
  const shapes: Record<string, Sample[]> = {
    'one sample': samples({}),
    'one sample that is no key frame': samples({ sync: false }),
    'a key frame first': samples({}, {}, {}),
    'key frames only': samples({ sync: true }, { sync: true }),
    'a key frame in the middle': samples({ sync: false }, { sync: true }, {}),
    'two key frames, then none': samples({}, { sync: true }, {}),
    'durations of their own': samples({ durationTicks: 3000 }, { durationTicks: 2999 }),
    'composition offsets of both signs': samples({ ptsTicks: START + 6000 }, { ptsTicks: START - 3000 }, {}),
    'a decode time that stands still': samples({ durationTicks: 0 }, { dtsTicks: START, ptsTicks: START }),
    'times below zero': samples({ dtsTicks: -1024, ptsTicks: -1024 }),
  };
  for (const [name, list] of Object.entries(shapes)) {
    test(`round-trips with ${name}`, () => {
      const prft = { wallClockMs: 1_795_390_000_123.5, mediaTimeTicks: START, flags: 24 };
      for (const lead of [{}, { styp: true }, { prft }, { styp: true, prft }]) {
        const bytes = writeFragment({ sequence: 9, trackId: 4, samples: list, ...lead });
        const [back, ...rest] = parseFragments(bytes);
        assert.equal(rest.length, 0);
        assert.deepEqual(back, {
          sequence: 9,
          trackId: 4,
          baseDecodeTicks: list[0]?.dtsTicks,
          samples: list,
          ...('prft' in lead ? { prft } : {}),
        });
        assert.equal(bytes.byteLength, bytes.buffer.byteLength, 'one buffer of the exact size');
      }
    });
  }

  test('is as small as the samples allow', () => {
    const size = (...list: Partial<Sample>[]): number => {
      return writeFragment({ sequence: 1, trackId: 1, samples: samples(...list) }).length - 8 - 2 * list.length;
    };
    // moof, mfhd, traf, tfhd with two defaults, tfdt, trun; then a size for each sample
    const least = 8 + 16 + 8 + 24 + 20 + 20;
    assert.equal(size({}), least + 4);
    assert.equal(size({ sync: true }, { sync: true }), least + 2 * 4);
    assert.equal(size({}, {}, {}), least + 3 * 4 + 4, 'flags of the first sample alone');
    assert.equal(size({}, { sync: true }, {}), least - 4 + 3 * 8, 'flags of each sample');
    assert.equal(
      size({ durationTicks: 3000 }, { durationTicks: 2999 }),
      least - 4 + 2 * 8 + 4,
      'durations of their own',
    );
    assert.equal(size({ ptsTicks: START + 3000 }), least + 8, 'composition offsets');
  });

  test('says of key frames that they depend on none, of others that they do and that decoding cannot start there', () => {
    const flagsOf = (...list: Partial<Sample>[]): string[] => {
      const bytes = Buffer.from(writeFragment({ sequence: 1, trackId: 1, samples: samples(...list) }));
      const moof = bytes.subarray(0, bytes.indexOf('mdat'));
      const words = moof.toString('hex').match(/.{8}/g) ?? [];
      return words.filter((word) => word === '02000000' || word === '01010000');
    };
    assert.deepEqual(flagsOf({}), ['02000000']);
    assert.deepEqual(flagsOf({ sync: false }), ['01010000']);
    // The default of the tfhd comes first, then what differs.
    assert.deepEqual(flagsOf({}, {}), ['01010000', '02000000']);
  });

  test('keeps decode times where a sample is missing', () => {
    const list = samples({}, { dtsTicks: START + 9000, ptsTicks: START + 9000 });
    const back = parseFragments(writeFragment({ sequence: 1, trackId: 1, samples: list }));
    assert.deepEqual(
      back[0]?.samples.map((sample) => sample.dtsTicks),
      [START, START + 9000],
    );
    assert.equal(back[0]?.samples[0]?.durationTicks, 9000);
  });

  test('that cannot be written', () => {
    const write = (list: Sample[]) => () => writeFragment({ sequence: 1, trackId: 1, samples: list });
    assertMediaError(write([]), 'samples_missing');
    assertMediaError(write(samples({}, { dtsTicks: START - 1 })), 'sample_order');
    assertMediaError(write(samples({ ptsTicks: START + 2 ** 31 })), 'field_range');
    assertMediaError(write(samples({ durationTicks: 2 ** 32 })), 'field_range');
    assertMediaError(write(samples({ dtsTicks: 0.5 })), 'field_range');
  });
});

/** A moof of one traf: `tfhd` and `truns` are the boxes' fields in hexadecimal. */
function moof(tfhd: string, truns: string[], tfdt = '00 000000 00000000'): Uint8Array {
  const runs = truns.map((trun) => box('trun', trun));
  return box('moof', box('mfhd', '00000000 00000001'), box('traf', box('tfhd', tfhd), box('tfdt', tfdt), ...runs));
}

/** The same and an mdat behind it; START in a run is the offset of the mdat's first byte. */
function chunk(tfhd: string, truns: string[], media: string | Uint8Array, tfdt?: string): Uint8Array {
  const build = (offset: number): Uint8Array => {
    const word = offset.toString(16).padStart(8, '0');
    return moof(
      tfhd,
      truns.map((run) => run.replaceAll('START', word)),
      tfdt,
    );
  };
  return join([build(build(0).length + 8), box('mdat', media)]);
}

const TWO_BYTES = '00 020010 00000001 00000002';
const ONE_BYTE = '00 020010 00000001 00000001';

function data(bytes: Uint8Array): string[][] {
  return parseFragments(bytes).map(({ samples }) => samples.map((sample) => Buffer.from(sample.data).toString('hex')));
}

suite('where the data is', () => {
  test('run after run, straight behind the header of the mdat', () => {
    const bytes = chunk(TWO_BYTES, ['00 000001 00000001 START', '00 000000 00000001'], 'aabb ccdd');
    assert.deepEqual(data(bytes), [['aabb', 'ccdd']]);
  });

  test('one track behind the other where no base is said', () => {
    const traf = (track: string, run: string): Uint8Array =>
      box('traf', box('tfhd', `00 000010 ${track} 00000002`), box('tfdt', '00 000000 00000000'), box('trun', run));
    const build = (offset: string): Uint8Array =>
      box(
        'moof',
        box('mfhd', '00000000 00000001'),
        traf('00000001', `00 000001 00000001 ${offset}`),
        traf('00000002', '00 000000 00000001'),
      );
    const offset = (build('00000000').length + 8).toString(16).padStart(8, '0');
    assert.deepEqual(data(join([build(offset), box('mdat', 'aabb ccdd')])), [['aabb'], ['ccdd']]);
  });

  test('other boxes stand between, and an mdat that nobody refers to', () => {
    const fragment = chunk(TWO_BYTES, ['00 000001 00000001 START'], 'aabb');
    const bytes = join([box('mdat', '00'), box('sidx', '00000000'), fragment, box('free')]);
    assert.deepEqual(data(bytes), [['aabb']]);
  });

  test('outside the mdat, empty, or twice the same', () => {
    const read = (tfhd: string, ...truns: string[]) => {
      return () => parseFragments(chunk(tfhd, truns, 'aabbccdd'));
    };
    assert.equal(read(TWO_BYTES, '00 000001 00000002 START')()[0]?.samples.length, 2);
    assertMediaError(read(TWO_BYTES, '00 000001 00000003 START'), 'sample_data', 0);
    assertMediaError(read(TWO_BYTES, '00 000001 00000001 00000000'), 'sample_data', 0);
    assertMediaError(read(TWO_BYTES, '00 000001 00000001 80000000'), 'sample_data', 0);
    assertMediaError(read('00 020000 00000001', '00 000001 00000001 START'), 'sample_data', 0);
    assertMediaError(read(TWO_BYTES, '00 000001 00000002 START', '00 000001 00000001 START'), 'sample_data', 0);
  });

  test('a moof with no mdat, and one behind the other', () => {
    const alone = moof(TWO_BYTES, []);
    assertMediaError(() => parseFragments(alone), 'mdat_missing', 0);
    assertMediaError(() => parseFragments(join([alone, alone])), 'mdat_missing', 0);
    assert.deepEqual(data(join([alone, box('mdat', '')])), [[]]);
  });
});

test('a prft is of the track that follows', () => {
  const prft = { wallClockMs: 0, mediaTimeTicks: 0, flags: 0 };
  const bytes = writeFragment({ sequence: 1, trackId: 7, samples: samples({}), prft });
  assert.deepEqual(bytes.subarray(12, 16), Uint8Array.of(0, 0, 0, 7));
});

suite('fragments that are none', () => {
  const init = (RECORDINGS['an edit list'] as Recording).init;

  test('a moof without a traf, a traf without a tfdt', () => {
    const media = box('mdat', '00');
    const head = box('mfhd', '00000000 00000001');
    assertMediaError(() => parseFragments(join([box('moof', head), media])), 'box_missing', 0);
    const traf = box('traf', box('tfhd', '00 000000 00000001'));
    assertMediaError(() => parseFragments(join([box('moof', head, traf), media])), 'box_missing', 24);
  });

  test('samples of another track', () => {
    const bytes = writeFragment({ sequence: 1, trackId: 2, samples: samples({}) });
    assertMediaError(() => parseFragments(bytes, init), 'track_id', 0);
  });

  test('too many samples, or an empty one, are not written', () => {
    const write = (list: Sample[]) => () => writeFragment({ sequence: 1, trackId: 1, samples: list });
    const many = (count: number): Sample[] => Array.from({ length: count }, () => samples({})[0] as Sample);
    assertMediaError(write(samples({}, { data: new Uint8Array(0) })), 'sample_data');
    assert.equal(parseFragments(write(many(SAMPLE_LIMIT))())[0]?.samples.length, SAMPLE_LIMIT);
    assertMediaError(write(many(SAMPLE_LIMIT + 1)), 'sample_count');
  });

  test('decode times beyond 2^53', () => {
    const run = '00 000001 00000001 START';
    const read = (tfdt: string) => () => {
      return parseFragments(chunk('00 020018 00000001 00000001 00000001', [run], '00', tfdt));
    };
    assert.equal(read('01 000000 001ffffffffffffe')()[0]?.baseDecodeTicks, Number.MAX_SAFE_INTEGER - 1);
    assertMediaError(read('01 000000 001fffffffffffff'), 'integer_unsafe', 0);
    const late = chunk(
      '00 020018 00000001 00000001 00000001',
      ['01 000801 00000001 START 7fffffff'],
      '00',
      '01 000000 001ffffffffffffe',
    );
    assertMediaError(() => parseFragments(late), 'integer_unsafe', 0);
    const shownLater = '01 000801 00000001 START 00000010';
    const early = chunk('00 020018 00000001 00000001 00000001', [shownLater], '00', '01 000000 ffe0000000000001');
    const shifted = { ...init, editShiftTicks: -2 };
    assertMediaError(() => parseFragments(early, shifted), 'integer_unsafe', 0);
    assert.equal(parseFragments(early)[0]?.baseDecodeTicks, Number.MIN_SAFE_INTEGER);
  });

  test('so many samples, and not one more', () => {
    const build = (count: number): Uint8Array => {
      const digits = count.toString(16).padStart(8, '0');
      return chunk(ONE_BYTE, [`00 000001 ${digits} START`], new Uint8Array(count));
    };
    assert.equal(parseFragments(build(SAMPLE_LIMIT))[0]?.samples.length, SAMPLE_LIMIT);
    assertMediaError(() => parseFragments(build(SAMPLE_LIMIT + 1)), 'sample_count');
  });

  test('the limit is of a moof, not of a run, and no sample is smaller than a byte', () => {
    const runs = (last: string): string[] => ['00 000001 00000002 START', `00 000000 ${last}`];
    assert.equal(parseFragments(chunk(ONE_BYTE, runs('00000001'), '010203'))[0]?.samples.length, 3);
    assertMediaError(() => parseFragments(chunk(ONE_BYTE, runs('00000002'), '010203')), 'sample_count');
  });

  test('every proper prefix', () => {
    const bytes = writeFragment({ sequence: 1, trackId: 1, samples: samples({}, {}), styp: true });
    const stypBytes = 24;
    for (let length = 1; length < bytes.length; length += 1) {
      if (length === stypBytes) continue;
      assert.throws(() => parseFragments(bytes.subarray(0, length)), { name: 'MediaError' });
    }
  });
});

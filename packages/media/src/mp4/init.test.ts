import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createFile, MP4BoxBuffer, type Movie } from 'mp4box';
import { box } from '../../fixtures/box-bytes.ts';
import { AAC, AUDIO_INPUT, CMAF_FLAGS, encodeMp4, H264, join, VIDEO_INPUT } from '../../fixtures/ffmpeg.ts';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { INIT_BOX_LIMIT, parseInit, writeInit, type TrackInit } from './init.ts';
import { FragmentReader } from './reader.ts';

function encodeInit(...args: string[]): { init: TrackInit; bytes: Uint8Array } {
  const [event] = new FragmentReader().push(encodeMp4([...args, '-t', '0.5']));
  assert.ok(event?.kind === 'init');
  return event;
}

const VIDEO = encodeInit(...VIDEO_INPUT, ...H264, '-video_track_timescale', '90000', '-movflags', CMAF_FLAGS);
const AUDIO = encodeInit(...AUDIO_INPUT, ...AAC, '-metadata:s:a:0', 'language=deu', '-movflags', CMAF_FLAGS);

/** What mp4box.js reads. */
function judge(header: Uint8Array): Movie {
  const file = createFile();
  let movie: Movie | undefined;
  file.onReady = (info) => (movie = info);
  file.onError = (module, message) => assert.fail(`${module}: ${message}`);
  file.appendBuffer(MP4BoxBuffer.fromArrayBuffer(new Uint8Array(header).buffer, 0));
  file.flush();
  assert.ok(movie !== undefined);
  return movie;
}

suite('headers of ffmpeg', () => {
  test('video', () => {
    const { avc, sampleEntry, ...rest } = VIDEO.init;
    assert.equal(avc?.lengthSize, 4);
    assert.equal(Buffer.from(sampleEntry.subarray(4, 8)).toString(), 'avc1');
    assert.deepEqual(rest, {
      trackId: 1,
      timescale: 90_000,
      kind: 'video',
      codec: 'avc1.64000d',
      width: 320,
      height: 180,
      defaults: { durationTicks: 0, sizeBytes: 0, flags: 0 },
    });
  });

  test('audio', () => {
    const { aac, sampleEntry, ...rest } = AUDIO.init;
    assert.equal(aac?.frameSamples, 1024);
    assert.equal(Buffer.from(sampleEntry.subarray(4, 8)).toString(), 'mp4a');
    assert.deepEqual(rest, {
      trackId: 1,
      timescale: 48_000,
      kind: 'audio',
      codec: 'mp4a.40.2',
      channels: 2,
      sampleRate: 48_000,
      language: 'deu',
      defaults: { durationTicks: 0, sizeBytes: 0, flags: 0 },
    });
  });

  test('an edit list shifts the media', () => {
    const { init } = encodeInit(...VIDEO_INPUT, ...H264, '-bf', '2', '-movflags', 'frag_keyframe+delay_moov');
    // Two frames of reordering at 1/15360 s.
    assert.equal(init.editShiftTicks, -1024);
  });

  test('defaults stand in trex', () => {
    const header = Buffer.from(AUDIO.bytes);
    const trex = header.indexOf('trex');
    header.writeUInt32BE(1024, trex + 16);
    header.writeUInt32BE(0x100_0000, trex + 24);
    assert.deepEqual(parseInit(header).defaults, { durationTicks: 1024, sizeBytes: 0, flags: 0x100_0000 });
  });
});

suite('headers of ours', () => {
  for (const { init } of [VIDEO, AUDIO]) {
    test(`${init.kind} round-trips, and equal inputs give equal bytes`, () => {
      const bytes = writeInit(init);
      const back = parseInit(bytes);
      assert.deepEqual(back, init);
      assert.deepEqual(writeInit(back), bytes);
      const later = { ...init, editShiftTicks: -5, defaults: { durationTicks: 1, sizeBytes: 2, flags: 3 } };
      assert.deepEqual(writeInit(later), bytes);
    });

    test(`${init.kind} is read by mp4box.js`, () => {
      const movie = judge(writeInit(init));
      assert.equal(movie.isFragmented, true);
      assert.deepEqual(movie.brands, ['cmf2', 'iso6', 'cmfc', 'cmf2']);
      const [track] = movie.tracks;
      assert.equal(movie.tracks.length, 1);
      assert.deepEqual([track?.id, track?.timescale, track?.codec], [init.trackId, init.timescale, init.codec]);
      assert.deepEqual([track?.video?.width, track?.video?.height], [init.width, init.height]);
      assert.deepEqual([track?.audio?.sample_rate, track?.audio?.channel_count], [init.sampleRate, init.channels]);
      assert.equal(track?.edits, undefined);
    });
  }

  test('a value that its field cannot hold', () => {
    assertMediaError(() => writeInit({ ...VIDEO.init, trackId: 2 ** 32 }), 'field_range');
    assertMediaError(() => writeInit({ ...VIDEO.init, width: 65_536 }), 'field_range');
    assertMediaError(() => writeInit({ ...VIDEO.init, language: 'de' }), 'language');
  });
});

suite('headers that are none', () => {
  /** Renames the first box of a type: it is then not there. */
  const without = (bytes: Uint8Array, type: string): Uint8Array => {
    const copy = Buffer.from(bytes);
    copy.write('free', copy.indexOf(type));
    return copy;
  };

  test('a box is missing', () => {
    for (const type of 'moov mvhd tkhd mdia mdhd hdlr minf stbl stsd avcC mvex trex'.split(' ')) {
      assertMediaError(() => parseInit(without(VIDEO.bytes, type)), 'box_missing');
    }
  });

  test('no track, two tracks, two moovs', () => {
    assertMediaError(() => parseInit(without(VIDEO.bytes, 'trak')), 'track_count');
    const both = encodeMp4([...VIDEO_INPUT, ...AUDIO_INPUT, '-t', '0.5', ...H264, ...AAC, '-movflags', 'empty_moov']);
    assertMediaError(() => new FragmentReader().push(both), 'track_count');
    assertMediaError(() => parseInit(join([VIDEO.bytes, AUDIO.bytes])), 'box_repeated', VIDEO.bytes.length + 28);
  });

  test('a handler for the other kind', () => {
    const copy = Buffer.from(VIDEO.bytes);
    copy.write('soun', copy.indexOf('vide'));
    assertMediaError(() => parseInit(copy), 'handler_mismatch');
  });

  test('every proper prefix', () => {
    for (let length = 0; length < VIDEO.bytes.length; length += 1) {
      assert.throws(() => parseInit(VIDEO.bytes.subarray(0, length)), { name: 'MediaError' });
    }
  });

  test('so many boxes, and not one more', () => {
    const moov = VIDEO.bytes.subarray(Buffer.from(VIDEO.bytes).indexOf('moov') - 4);
    const padded = (boxes: number): Uint8Array => join([...Array.from({ length: boxes - 1 }, () => box('free')), moov]);
    assert.equal(parseInit(padded(INIT_BOX_LIMIT)).codec, VIDEO.init.codec);
    assertMediaError(() => parseInit(padded(INIT_BOX_LIMIT + 1)), 'box_count', 8 * INIT_BOX_LIMIT);
  });
});

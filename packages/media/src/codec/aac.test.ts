import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { writeAsc } from '../../fixtures/asc.ts';
import { hex } from '../../fixtures/box-bytes.ts';
import { AAC, AUDIO_INPUT, CMAF_FLAGS, encodeMp4 } from '../../fixtures/ffmpeg.ts';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { ascSaying } from '../../fuzz/asc-saying.ts';
import { Random } from '../../fuzz/random.ts';
import { FragmentReader } from '../mp4/reader.ts';
import {
  ADTS_HEADER_BYTES,
  aacCodecString,
  parseAudioSpecificConfig,
  writeAdtsHeader,
  writeAudioSpecificConfig,
} from './aac.ts';

/** Fields as bits. */
function ascOf(...fields: [value: number, bits: number][]): Uint8Array {
  const bits = fields.map(([value, count]) => value.toString(2).padStart(count, '0')).join('');
  const padded = bits.padEnd(Math.ceil(bits.length / 8) * 8, '0');
  return Uint8Array.from((padded.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)));
}

test('AudioSpecificConfig round-trips at every rate and channel count', () => {
  for (const sampleRate of [96_000, 48_000, 44_100, 7350, 12_345, 192_000]) {
    for (const channels of [1, 2, 6, 8]) {
      const asc = writeAudioSpecificConfig({ sampleRate, channels });
      const config = parseAudioSpecificConfig(asc);
      assert.deepEqual([config.sampleRate, config.coreSampleRate, config.channels], [sampleRate, sampleRate, channels]);
      assert.deepEqual([config.objectType, config.frameSamples, aacCodecString(config)], [2, 1024, 'mp4a.40.2']);
    }
  }
  assert.deepEqual(writeAudioSpecificConfig({ sampleRate: 48_000, channels: 2 }), hex('1190'));
});

test('every form of an AudioSpecificConfig, drawn by chance, says what it is to say', () => {
  const random = new Random(20_261_127);
  for (let round = 0; round < 5000; round += 1) {
    const objectType = random.pick([1, 2, 3, 4, 5, 29]);
    const coreObjectType = objectType > 4 ? 2 : objectType;
    const coreSampleRate = random.pick([96_000, 48_000, 44_100, 7350, 12_345, 0xff_ffff]);
    const [channelConfig, channels] = random.pick([
      [0, 1 + random.below(93)],
      [1, 1],
      [2, 2],
      [6, 6],
      [7, 8],
      [11, 7],
      [13, 24],
    ]);
    const said = {
      objectType,
      coreObjectType,
      coreSampleRate,
      sampleRate: objectType > 4 ? random.pick([48_000, 24_000, 54_321]) : coreSampleRate,
      channelConfig,
      // Parametric stereo makes two channels of one.
      channels: objectType === 29 ? Math.max(channels, 2) : channels,
      frameSamples: random.pick([1024, 960]),
    };
    const fields = ascSaying(said, random);
    const asc = writeAsc(fields);
    assert.deepEqual(parseAudioSpecificConfig(asc), { ...said, asc }, JSON.stringify(fields));
  }
});

test('AudioSpecificConfig that cannot be written', () => {
  assertMediaError(() => writeAudioSpecificConfig({ sampleRate: 48_000, channels: 0 }), 'audio_channels');
  assertMediaError(() => writeAudioSpecificConfig({ sampleRate: 48_000, channels: 9 }), 'audio_channels');
  for (const sampleRate of [0, 1.5, 0x100_0000]) {
    assertMediaError(() => writeAudioSpecificConfig({ sampleRate, channels: 2 }), 'field_range');
  }
});

test('HE-AAC, signalled in the open and at the end', () => {
  const open = parseAudioSpecificConfig(ascOf([5, 5], [6, 4], [2, 4], [3, 4], [2, 5], [0, 3]));
  assert.deepEqual(
    [open.objectType, open.coreObjectType, open.sampleRate, open.coreSampleRate],
    [5, 2, 48_000, 24_000],
  );
  assert.equal(aacCodecString(open), 'mp4a.40.5');
  const atEnd = parseAudioSpecificConfig(ascOf([2, 5], [6, 4], [2, 4], [0, 3], [0x2b7, 11], [5, 5], [1, 1], [3, 4]));
  assert.deepEqual([atEnd.objectType, atEnd.sampleRate, atEnd.coreSampleRate], [5, 48_000, 24_000]);
  const without = parseAudioSpecificConfig(hex('119056e500'));
  assert.deepEqual([without.objectType, without.sampleRate], [2, 48_000]);
});

test('HE-AAC v2 makes two channels of one', () => {
  const open = parseAudioSpecificConfig(ascOf([29, 5], [6, 4], [1, 4], [3, 4], [2, 5], [0, 3]));
  assert.deepEqual([open.objectType, open.channels, open.channelConfig], [29, 2, 1]);
  const sync: [number, number][] = [
    [0x2b7, 11],
    [5, 5],
    [1, 1],
    [3, 4],
    [0x548, 11],
    [1, 1],
  ];
  const atEnd = parseAudioSpecificConfig(ascOf([2, 5], [6, 4], [1, 4], [0, 3], ...sync));
  assert.deepEqual([atEnd.objectType, atEnd.channels], [29, 2]);
});

test('frames of 960, and a core coder to depend on', () => {
  assert.equal(
    parseAudioSpecificConfig(ascOf([2, 5], [3, 4], [2, 4], [1, 1], [1, 1], [0, 14], [0, 1])).frameSamples,
    960,
  );
});

test('a program config element counts its channels', () => {
  const head: [number, number][] = [
    [2, 5],
    [3, 4],
    [0, 4],
    [0, 3],
    [0, 10],
  ];
  const counts: [number, number][] = [
    [2, 4],
    [1, 4],
    [1, 4],
    [1, 2],
    [0, 7],
  ];
  const mixdowns: [number, number][] = [
    [1, 1],
    [0, 4],
    [1, 1],
    [0, 4],
    [1, 1],
    [0, 3],
  ];
  const elements: [number, number][] = [
    [0, 1],
    [0, 4],
    [1, 1],
    [0, 4],
    [1, 1],
    [1, 4],
    [0, 1],
    [1, 4],
  ];
  const config = parseAudioSpecificConfig(ascOf(...head, ...counts, ...mixdowns, ...elements));
  assert.deepEqual([config.channels, config.channelConfig], [7, 0]);
  const none: [number, number][] = [
    [0, 4],
    [0, 4],
    [0, 4],
    [0, 2],
    [0, 7],
    [0, 3],
  ];
  assertMediaError(() => parseAudioSpecificConfig(ascOf(...head, ...none)), 'audio_channels');
});

test('what is not AAC, or has no such rate or channels', () => {
  assertMediaError(() => parseAudioSpecificConfig(ascOf([31, 5], [10, 6], [3, 4], [2, 4])), 'audio_unsupported');
  assertMediaError(() => parseAudioSpecificConfig(ascOf([0, 5], [3, 4], [2, 4])), 'audio_unsupported');
  assertMediaError(() => parseAudioSpecificConfig(ascOf([2, 5], [13, 4], [2, 4])), 'audio_sample_rate', 0);
  assertMediaError(() => parseAudioSpecificConfig(ascOf([2, 5], [15, 4], [0, 24], [2, 4])), 'audio_sample_rate', 0);
  assertMediaError(() => parseAudioSpecificConfig(ascOf([2, 5], [3, 4], [15, 4], [0, 3])), 'audio_channels', 1);
  assertMediaError(() => parseAudioSpecificConfig(hex('11')), 'truncated');
});

test('ADTS made of an MP4 decodes without a complaint', () => {
  const mp4 = encodeMp4([...AUDIO_INPUT, '-t', '1', ...AAC, '-movflags', `${CMAF_FLAGS}+frag_every_frame`]);
  const pieces: Uint8Array[] = [];
  let config;
  for (const event of new FragmentReader().push(mp4)) {
    if (event.kind === 'init') {
      config = event.init.aac;
      continue;
    }
    assert.ok(config !== undefined);
    for (const { data } of event.fragment.samples) {
      const frame = new Uint8Array(ADTS_HEADER_BYTES + data.length);
      writeAdtsHeader(config, data.length, frame, 0);
      frame.set(data, ADTS_HEADER_BYTES);
      pieces.push(frame);
    }
  }
  const input = Buffer.concat(pieces);
  const args = [
    '-v',
    'error',
    '-f',
    'aac',
    '-count_packets',
    '-show_entries',
    'stream=nb_read_packets,sample_rate,channels,profile',
    '-of',
    'csv=p=0',
  ];
  const probed = spawnSync('ffprobe', [...args, 'pipe:0'], { input });
  assert.equal(probed.stderr.toString(), '');
  assert.equal(probed.stdout.toString().trim(), `LC,48000,2,${pieces.length}`);
  const decoded = spawnSync('ffmpeg', ['-v', 'error', '-f', 'aac', '-i', 'pipe:0', '-f', 'null', '-'], { input });
  assert.equal(decoded.stderr.toString(), '');
});

test('ADTS has no room for a long frame, an odd rate, or eight channels', () => {
  const header = new Uint8Array(ADTS_HEADER_BYTES);
  const config = parseAudioSpecificConfig(hex('1190'));
  writeAdtsHeader(config, 0x1fff - ADTS_HEADER_BYTES, header, 0);
  assertMediaError(() => writeAdtsHeader(config, 0x2000 - ADTS_HEADER_BYTES, header, 0), 'adts');
  assertMediaError(() => writeAdtsHeader({ ...config, coreSampleRate: 12_345 }, 1, header, 0), 'adts');
  assertMediaError(() => writeAdtsHeader({ ...config, channelConfig: 12 }, 1, header, 0), 'adts');
  assertMediaError(() => writeAdtsHeader({ ...config, channelConfig: 0 }, 1, header, 0), 'adts');
  assertMediaError(() => writeAdtsHeader({ ...config, frameSamples: 960 }, 1, header, 0), 'adts');
  assertMediaError(() => writeAdtsHeader({ ...config, coreObjectType: 5 }, 1, header, 0), 'adts');
  assertMediaError(() => writeAdtsHeader({ ...config, coreObjectType: 0 }, 1, header, 0), 'adts');
});

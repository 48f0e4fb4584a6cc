import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeMp4 } from '../../fixtures/ffmpeg.ts';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { writeSps } from '../../fixtures/sps.ts';
import { Random } from '../../fuzz/random.ts';
import { spsSaying } from '../../fuzz/sps-saying.ts';
import { FragmentReader } from '../mp4/reader.ts';
import { type AvcSps, parseSps, SPS_LIMIT_BYTES, SPS_SIZE_LIMIT_PIXELS } from './avc-sps.ts';

/** The SPS of a picture that x264 encodes. */
function encodeSps(size: string, rate: string, ...options: string[]): Uint8Array {
  const input = ['-f', 'lavfi', '-i', `testsrc=size=${size}:rate=${rate}`, '-frames:v', '2'];
  const flags = ['-movflags', 'empty_moov+default_base_moof'];
  const [event] = new FragmentReader().push(
    encodeMp4([...input, '-c:v', 'libx264', '-preset', 'ultrafast', '-x264opts', 'force-cfr=1', ...options, ...flags]),
  );
  assert.ok(event?.kind === 'init');
  return event.init.avc?.sps[0] as Uint8Array;
}

test('size and frame rate of what x264 encodes', () => {
  const cases: [size: string, rate: string, options: string[], width: number, height: number, fps: number[]][] = [
    ['320x180', '30', ['-pix_fmt', 'yuv420p'], 320, 180, [30, 1]],
    ['1920x1080', '30000/1001', ['-pix_fmt', 'yuv420p', '-profile:v', 'high'], 1920, 1080, [30_000, 1001]],
    ['322x182', '25', ['-pix_fmt', 'yuv420p', '-profile:v', 'baseline'], 322, 182, [25, 1]],
    ['321x181', '60', ['-pix_fmt', 'yuv444p'], 321, 181, [60, 1]],
    ['322x181', '24', ['-pix_fmt', 'yuv422p'], 322, 181, [24, 1]],
    ['320x180', '50', ['-pix_fmt', 'gray', '-vf', 'setsar=15/11'], 320, 180, [50, 1]],
    [
      '320x180',
      '25',
      ['-pix_fmt', 'yuv420p10le', '-x264-params', 'cqm=jvt:colorprim=bt709:range=tv:chromaloc=1'],
      320,
      180,
      [25, 1],
    ],
    ['320x192', '25', ['-pix_fmt', 'yuv420p', '-x264-params', 'interlaced=1'], 320, 192, [25, 1]],
    ['320x200', '25', ['-pix_fmt', 'yuv420p', '-x264-params', 'interlaced=1:overscan=show'], 320, 200, [25, 1]],
  ];
  for (const [size, rate, options, width, height, fps] of cases) {
    const sps = parseSps(encodeSps(size, rate, ...options));
    assert.deepEqual([sps.width, sps.height, sps.frameRate], [width, height, fps], `${size} ${options.join(' ')}`);
  }
});

/** An SPS of fields as bits, with emulation prevention: numbers are Exp-Golomb codes, strings are bits. */
function spsOf(profile: number, ...fields: (number | string)[]): Uint8Array {
  const bits = fields.map((field) => (typeof field === 'string' ? field : golomb(field))).join('');
  const padded = `${bits}1`.padEnd(Math.ceil((bits.length + 1) / 8) * 8, '0');
  const bytes = [0x67, profile, 0, 30];
  for (const [digits] of padded.matchAll(/.{8}/g)) {
    const byte = parseInt(digits, 2);
    if (byte <= 3 && bytes.at(-1) === 0 && bytes.at(-2) === 0) bytes.push(3);
    bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

function golomb(value: number): string {
  const code = (value + 1).toString(2);
  return '0'.repeat(code.length - 1) + code;
}

const BASELINE = 66;
const MAIN = 77;
const HIGH = 100;
/** one macroblock row and column, frames only, no direct inference, no cropping, no VUI */
const SMALL = [0, 0, '1', '0', '0', '0'];

const RATES = [
  [30, 1],
  [30_000, 1001],
  [1, 2],
  [15, 4],
] as const;

test('every field there is, drawn by chance, moves nothing else from its place', () => {
  const random = new Random(20_261_127);
  for (let round = 0; round < 5000; round += 1) {
    const profile = random.pick([66, 77, 88, 100, 110, 122, 244, 44, 83, 86, 118, 128, 134, 135, 138, 139]);
    const said: AvcSps = {
      profile,
      compatibility: random.below(256),
      level: random.below(256),
      width: 2 * (1 + random.below(SPS_SIZE_LIMIT_PIXELS / 2)),
      height: 2 * (1 + random.below(SPS_SIZE_LIMIT_PIXELS / 2)),
      ...random.pick([{}, { frameRate: random.pick(RATES) }, { clockRate: random.pick(RATES) }]),
      reorderFrames: profile === BASELINE ? 0 : random.below(17),
    };
    const fields = spsSaying(said, random);
    assert.deepEqual(parseSps(writeSps(fields)), said, JSON.stringify(fields));
  }
});

test('every order of pictures', () => {
  for (const order of [[0, 4], [2], [1, '0', 3, 4, 2, 1, 2]]) {
    const { width, height } = parseSps(spsOf(BASELINE, 0, 0, ...order, 1, '0', ...SMALL));
    assert.deepEqual([width, height], [16, 16]);
  }
  assertMediaError(() => parseSps(spsOf(BASELINE, 0, 0, 3, 1, '0', ...SMALL)), 'sps_field');
});

test('a cycle of pictures has at most 255', () => {
  const cycle = (frames: number): Uint8Array => {
    return spsOf(BASELINE, 0, 0, 1, '0', 0, 0, frames, '1'.repeat(frames), 1, '0', ...SMALL);
  };
  assert.equal(parseSps(cycle(255)).width, 16);
  assertMediaError(() => parseSps(cycle(256)), 'sps_field');
});

test('chroma formats, and separate planes', () => {
  const crop = [0, 0, '1', '0', '1', 1, 1, 1, 1, '0'];
  const size = (...chroma: (number | string)[]): number[] => {
    const { width, height } = parseSps(spsOf(HIGH, 0, ...chroma, 0, 0, '0', '0', 0, 0, 0, 1, '0', ...crop));
    return [width, height];
  };
  assert.deepEqual(size(0), [14, 14]);
  assert.deepEqual(size(1), [12, 12]);
  assert.deepEqual(size(2), [12, 14]);
  assert.deepEqual(size(3, '0'), [14, 14]);
  assert.deepEqual(size(3, '1'), [14, 14]);
  assertMediaError(() => size(4), 'sps_field');
});

test('scaling lists, whole and cut off by a scale of 0', () => {
  const lists = ['1', '1'.repeat(16), '1', golomb(16), '0'.repeat(6)].join('');
  assert.equal(parseSps(spsOf(HIGH, 0, 1, 0, 0, '0', '1', lists, 0, 0, 0, 1, '0', ...SMALL)).width, 16);
});

function word(value: number): string {
  return value.toString(2).padStart(32, '0');
}

/** An SPS of one macroblock whose VUI, behind the four fields that come first in it, is as given. */
function vui(...fields: (number | string)[]): Uint8Array {
  return spsOf(MAIN, 0, 0, 0, 0, 3, '0', 0, 0, '1', '0', '0', '1', '0000', ...fields);
}

test('a VUI without timing, and one whose clock stands still', () => {
  const rates = (...fields: string[]): unknown[] => {
    const { frameRate, clockRate } = parseSps(vui(...fields));
    return [frameRate, clockRate];
  };
  assert.deepEqual(rates('0'), [undefined, undefined]);
  assert.deepEqual(rates('1', word(0), word(50), '1'), [undefined, undefined]);
  assert.deepEqual(rates('1', word(1), word(0), '1'), [undefined, undefined]);
  assert.deepEqual(rates('1', word(1), word(2000), '0'), [undefined, [1000, 1]]);
  assert.deepEqual(rates('1', word(1), word(50), '1'), [[25, 1], undefined]);
});

test('emulation prevention is taken out', () => {
  const sps = vui('1', word(1), word(50), '1');
  assert.ok(Buffer.from(sps).includes(Buffer.of(0, 0, 3, 0)));
  assert.deepEqual(parseSps(sps).frameRate, [25, 1]);
});

test('reordering: what the VUI says behind two HRD descriptions, else the reference frames', () => {
  const hrd = ['1', 0, '00000000', 5, 6, '0', '0'.repeat(20)];
  const restrictions = ['1', '1', 0, 0, 4, 4];
  assert.equal(parseSps(vui('0', ...hrd, ...hrd, '0', '0', ...restrictions, 2, 4)).reorderFrames, 2);
  assert.equal(parseSps(vui('0', '00', '0', ...restrictions, 1, 4)).reorderFrames, 1);
  assert.equal(parseSps(vui('0', '00', '0', '0')).reorderFrames, 3);
  assert.equal(parseSps(vui('0', '1', 32, '0'.repeat(99))).reorderFrames, 3);
  assert.equal(parseSps(vui('0', '00', '0', ...restrictions, 99, 99)).reorderFrames, 16);
});

test('reordering of what x264 encodes', () => {
  const reorder = (...options: string[]): number => parseSps(encodeSps('320x180', '30', ...options)).reorderFrames;
  assert.equal(reorder('-preset', 'veryfast', '-bf', '3', '-x264-params', 'b-pyramid=normal'), 2);
  assert.equal(reorder('-preset', 'veryfast', '-bf', '2', '-x264-params', 'b-pyramid=none'), 1);
  assert.equal(reorder('-preset', 'veryfast', '-tune', 'zerolatency'), 0);
  assert.equal(reorder('-preset', 'veryfast', '-profile:v', 'baseline', '-pix_fmt', 'yuv420p'), 0);
  const hrd = ['-x264-params', 'nal-hrd=cbr', '-b:v', '1M', '-minrate', '1M', '-maxrate', '1M', '-bufsize', '1M'];
  assert.equal(reorder('-preset', 'veryfast', '-bf', '0', ...hrd), 0);
});

test('a picture has a largest size', () => {
  const wide = (macroblocks: number): Uint8Array =>
    spsOf(BASELINE, 0, 0, 2, 1, '0', macroblocks - 1, 0, '1', '0', '0', '0');
  const most = Math.floor(SPS_SIZE_LIMIT_PIXELS / 16);
  assert.equal(parseSps(wide(most)).width, most * 16);
  assertMediaError(() => parseSps(wide(most + 1)), 'sps_field');
  const cropped = spsOf(BASELINE, 0, 0, 2, 1, '0', 0, 0, '1', '0', '1', 4, 4, 0, 0, '0');
  assertMediaError(() => parseSps(cropped), 'sps_field');
});

test('what is not an SPS, is too long, or cut short', () => {
  assertMediaError(() => parseSps(Uint8Array.of(0x68, 0, 0, 0)), 'sps_nal_type', 0);
  const long = new Uint8Array(SPS_LIMIT_BYTES + 1);
  const whole = spsOf(BASELINE, 0, 0, 2, 1, '0', ...SMALL);
  long.set(whole);
  assert.equal(parseSps(long.subarray(0, SPS_LIMIT_BYTES)).width, 16);
  assertMediaError(() => parseSps(long), 'sps_size');
  for (let length = 0; length < whole.length; length += 1) {
    assertMediaError(() => parseSps(whole.subarray(0, length)), 'truncated');
  }
  assertMediaError(() => parseSps(Uint8Array.of(0x67, 66, 0, 30, 0, 0, 0, 0, 1, 0)), 'exp_golomb');
});

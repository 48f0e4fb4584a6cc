import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { CLOCK_BAR, FLASH, testPictureArguments } from './test-picture.ts';

const WIDTH = 1280;
const HEIGHT = 720;

/** Runs the picture's own filters for a moment, with raw grey frames instead of the encoders. */
function drawFrames(frames: number): Buffer[] {
  const args = testPictureArguments({ url: 'unused', rate: 25 });
  const filters = args[args.indexOf('-filter_complex') + 1] ?? '';
  const [video = ''] = filters.split('[v];');
  const graph = ['-filter_complex', `${video}[v]`, '-map', '[v]', '-frames:v', String(frames)];
  const output = ['-f', 'rawvideo', '-pix_fmt', 'gray', 'pipe:1'];
  const { stdout, stderr, status } = spawnSync('ffmpeg', ['-loglevel', 'error', ...graph, ...output], {
    maxBuffer: frames * WIDTH * HEIGHT + 1,
  });
  assert.equal(status, 0, stderr.toString());
  return Array.from({ length: frames }, (_, n) => stdout.subarray(n * WIDTH * HEIGHT, (n + 1) * WIDTH * HEIGHT));
}

function readClock(frame: Buffer): number {
  let value = 0;
  for (let bit = 0; bit < CLOCK_BAR.bits; bit += 1) {
    const x = CLOCK_BAR.x + (bit + 0.5) * CLOCK_BAR.cellPixels;
    const luma = frame[(CLOCK_BAR.y + CLOCK_BAR.cellPixels / 2) * WIDTH + x] ?? 0;
    value = value * 2 + (luma > 128 ? 1 : 0);
  }
  return value;
}

test('draws the wall clock into every frame, and the flash by its own timeline', () => {
  const before = Date.now() % 2 ** 32;
  const frames = drawFrames(20);
  const after = Date.now() % 2 ** 32;
  const clocks = frames.map(readClock);
  for (const [index, clock] of clocks.entries()) {
    assert.ok(clock >= before && clock <= after, `frame ${index}: ${clock} is outside ${before}…${after}`);
    assert.ok(index === 0 || clock > (clocks[index - 1] ?? 0), `frame ${index} does not move on`);
  }
  const middle = (FLASH.y + FLASH.pixels / 2) * WIDTH + FLASH.x + FLASH.pixels / 2;
  const lit = frames.flatMap((frame, index) => ((frame[middle] ?? 0) > 128 ? [index] : []));
  assert.deepEqual(lit, [0, 1, 2]);
});

test('refuses a picture that the clock bar does not fit', () => {
  assert.throws(() => testPictureArguments({ url: 'x', size: '1087x720' }), /at least 1088x520/);
  assert.equal(testPictureArguments({ url: 'x', size: '1088x520' }).at(-1), 'x');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameGrid } from './frame-grid.ts';
import { SoundGrid } from './sound-grid.ts';

test('frames whose times wander around the middle between two places keep their turns', () => {
  for (const phase of [0, 0.25, 0.5, 0.75, 0.999]) {
    const grid = new FrameGrid([30, 1]);
    let last = NaN;
    for (let index = 0; index < 300; index += 1) {
      const wobbleMs = ((index * 7919) % 5) - 2;
      const place = Math.round(grid.snap((54_000_000_000 + index + phase) * (1000 / 30) + wobbleMs) * 0.03);
      if (index > 0) assert.equal(place, last + 1, `phase ${phase}, frame ${index}`);
      last = place;
    }
  }
});

test('a frame is placed at most a frame and a quarter before it came', () => {
  const grid = new FrameGrid([25, 1]);
  // A clock that drifts 0.3% against the grid slips a whole frame now and then.
  for (let index = 0; index < 5_000; index += 1) {
    grid.snap(1_000_000 + index * 40.12);
    assert.ok(grid.shiftMs <= 10.01 && grid.shiftMs >= -50.01, `${grid.shiftMs}`);
  }
});

const frame = (dtsTicks: number) => ({
  dtsTicks,
  ptsTicks: dtsTicks,
  durationTicks: 1_000,
  sync: true,
  data: new Uint8Array(1),
});

test('sound goes on frame by frame; priming is dropped, wandering is ignored', () => {
  const grid = new SoundGrid(10_240);
  assert.equal(grid.place(frame(9_216)), null);
  const placed = [10_240, 11_264 - 560, 12_288 + 700, 13_312].map((ticks) => grid.place(frame(ticks)));
  assert.deepEqual(
    placed.map((sample) => sample?.dtsTicks),
    [10_240, 11_264, 12_288, 13_312],
  );
  assert.ok(placed.every((sample) => sample?.durationTicks === 1_024 && sample.ptsTicks === sample.dtsTicks));
});

test('a real hole stays one, on the grid; a real repetition is dropped until it is over', () => {
  const grid = new SoundGrid(10_240);
  grid.place(frame(10_240));
  assert.equal(grid.place(frame(20_500))?.dtsTicks, 20_480);
  assert.deepEqual(
    [19_400, 20_400, 21_500].map((ticks) => grid.place(frame(ticks))?.dtsTicks),
    [undefined, undefined, 21_504],
  );
});

test('the grid of sound begins at the next frame', () => {
  assert.deepEqual(
    [10_240, 10_241, 10_260, 11_264].map((ticks) => SoundGrid.ceil(ticks)),
    [10_240, 10_240, 11_264, 11_264],
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Sample } from '@headwater/media/mp4/sample';
import { type CutPart, MAX_PART_SAMPLES, PartCutter } from './part-cutter.ts';

const SEGMENT = 180_000;
const PART = 30_000;

function sample(dtsTicks: number, durationTicks = 3_000): Sample {
  return { dtsTicks, ptsTicks: dtsTicks, durationTicks, sync: dtsTicks % SEGMENT === 0, data: new Uint8Array(1) };
}

function cutAll(cutter: PartCutter, samples: readonly Sample[]): CutPart[] {
  return samples.flatMap((one) => cutter.push(one));
}

function frames(count: number, fromTicks: number, durationTicks = 3_000): Sample[] {
  return Array.from({ length: count }, (_, index) => sample(fromTicks + index * durationTicks, durationTicks));
}

const shape = (parts: readonly CutPart[]) => parts.map(({ number, samples, last }) => [number, samples.length, last]);

test('cuts whole parts as soon as their last sample is there', () => {
  const cutter = new PartCutter(SEGMENT, PART);
  assert.deepEqual(shape(cutAll(cutter, frames(9, 5 * SEGMENT))), []);
  assert.deepEqual(shape(cutter.push(sample(5 * SEGMENT + 27_000))), [[5, 10, false]]);
  assert.deepEqual(shape(cutAll(cutter, frames(50, 5 * SEGMENT + PART)).slice(-1)), [[5, 10, true]]);
  assert.equal(cutter.nextDtsTicks, 6 * SEGMENT);
});

test('a stream that starts inside a segment has a short first part on the same grid', () => {
  const cutter = new PartCutter(SEGMENT, PART);
  const parts = cutAll(cutter, frames(60, 7 * SEGMENT + 51_000));
  assert.deepEqual(shape(parts).slice(0, 5), [
    [7, 3, false],
    [7, 10, false],
    [7, 10, false],
    [7, 10, false],
    [7, 10, true],
  ]);
});

test('frames that do not fall on the grid go where they start: 30000/1001', () => {
  const cutter = new PartCutter(SEGMENT, PART);
  const parts = cutAll(cutter, frames(600, 60 * 3_003 * 1_000, 3_003));
  for (const { number, samples } of parts) {
    const cells = new Set(samples.map(({ dtsTicks }) => Math.floor(dtsTicks / PART)));
    assert.equal(cells.size, 1);
    assert.ok(samples.every(({ dtsTicks }) => Math.floor(dtsTicks / SEGMENT) === number));
  }
  assert.ok(parts.flatMap(({ samples }) => samples).length > 590);
});

test('sound is cut on the same places at its own frames', () => {
  const cutter = new PartCutter(96_000, 16_000);
  const parts = cutAll(cutter, frames(400, 1_024 * 93_750, 1_024));
  assert.deepEqual(new Set(parts.slice(1, -1).map(({ samples }) => samples.length)), new Set([15, 16]));
});

test('a gap ends the part and the segment before it', () => {
  const cutter = new PartCutter(SEGMENT, PART);
  cutAll(cutter, frames(4, 3 * SEGMENT));
  assert.deepEqual(shape(cutter.push(sample(5 * SEGMENT))), [[3, 4, true]]);
});

test('a sample that begins a little before it was due goes where it was due: a part that was the last stays the last', () => {
  const cutter = new PartCutter(SEGMENT, PART);
  const parts = cutAll(cutter, [...frames(59, 0), sample(177_000, 3_001), sample(180_000 - 1), sample(183_000)]);
  parts.push(cutter.flush() as CutPart);
  assert.deepEqual(shape(parts).slice(-2), [
    [0, 10, true],
    [1, 2, true],
  ]);
});

test('a repeated sample is dropped', () => {
  const cutter = new PartCutter(SEGMENT, PART);
  cutAll(cutter, frames(4, 0));
  assert.deepEqual(cutter.push(sample(9_000)), []);
  assert.deepEqual(cutter.push(sample(-90_000)), []);
  assert.deepEqual(shape([cutter.flush() as CutPart]), [[0, 4, true]]);
  assert.equal(cutter.flush(), null);
});

test('a part holds no more samples than the limit', () => {
  const cutter = new PartCutter(SEGMENT, PART);
  const parts = cutAll(cutter, frames(MAX_PART_SAMPLES + 1, 0, 1));
  assert.deepEqual(shape(parts), [[0, MAX_PART_SAMPLES, false]]);
});

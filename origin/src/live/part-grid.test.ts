import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FrameRate, planPartGrid } from './part-grid.ts';

const cases: { rate: FrameRate | null; parts: number; partMs: number; targetMs: number }[] = [
  { rate: [24, 1], parts: 6, partMs: 2000 / 6, targetMs: 342 },
  { rate: [30, 1], parts: 6, partMs: 2000 / 6, targetMs: 342 },
  { rate: [60, 1], parts: 6, partMs: 2000 / 6, targetMs: 342 },
  { rate: [25, 1], parts: 5, partMs: 400, targetMs: 406 },
  { rate: [50, 1], parts: 5, partMs: 400, targetMs: 406 },
  { rate: [30_000, 1001], parts: 6, partMs: 2000 / 6, targetMs: 342 },
  { rate: [10, 1], parts: 5, partMs: 400, targetMs: 406 },
  { rate: [1, 1], parts: 2, partMs: 1_000, targetMs: 1_003 },
  { rate: [2, 1], parts: 4, partMs: 500, targetMs: 512 },
  { rate: [3, 1], parts: 6, partMs: 2000 / 6, targetMs: 342 },
  { rate: [4, 1], parts: 4, partMs: 500, targetMs: 512 },
  { rate: [5, 1], parts: 5, partMs: 400, targetMs: 406 },
  { rate: [7, 1], parts: 2, partMs: 1_000, targetMs: 1_003 },
  { rate: [15, 2], parts: 5, partMs: 400, targetMs: 406 },
  { rate: [8, 1], parts: 4, partMs: 500, targetMs: 512 },
  { rate: null, parts: 6, partMs: 2000 / 6, targetMs: 342 },
];

for (const { rate, parts, partMs, targetMs } of cases) {
  test(`parts at ${rate?.join('/') ?? 'no'} frames per second`, () => {
    const grid = planPartGrid(2_000, rate, 48_000);
    assert.equal(grid.partsPerSegment, parts);
    assert.equal(grid.partDurationMs, partMs);
    assert.equal(grid.partTargetMs, targetMs);
    assert.ok(Number.isInteger(180_000 / parts) && Number.isInteger(96_000 / parts));
    // The shortest part that is neither last nor independent (RFC 8216bis §4.4.3.7: at least 85% of the target).
    const frameMs = rate === null ? 1024 / 48 : Math.max(1024 / 48, (rate[1] * 1000) / rate[0]);
    assert.ok(Math.floor(partMs / frameMs + 1e-9) * frameMs >= 0.85 * targetMs);
  });
}

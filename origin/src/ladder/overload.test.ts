import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Overload, PATIENCE_MS, RELAXED_MS, STRAINED_MS, type Strain } from './overload.ts';

const FRAME_MS = 40;
const TICK_MS = 20;
const MARGIN_MS = 3 * FRAME_MS;

const late: Strain = { behindMs: STRAINED_MS + MARGIN_MS + 1, isFull: false };
const between: Strain = { behindMs: STRAINED_MS + MARGIN_MS, isFull: false };
const fine: Strain = { behindMs: RELAXED_MS + MARGIN_MS - 1, isFull: false };
const full: Strain = { behindMs: 0, isFull: true };

/** Looks for so long, tick by tick; says after how long it was too much. */
function watch(overload: Overload, course: readonly (readonly [forMs: number, strain: Strain])[]): number | null {
  let nowMs = 0;
  overload.look(nowMs, fine, FRAME_MS);
  for (const [forMs, strain] of course) {
    for (const untilMs = nowMs + forMs; nowMs < untilMs;) {
      nowMs += TICK_MS;
      if (overload.look(nowMs, strain, FRAME_MS)) return nowMs;
    }
  }
  return null;
}

const cases: [what: string, course: [number, Strain][], tooMuchAtMs: number | null][] = [
  ['behind all the time', [[9_000, late]], PATIENCE_MS + TICK_MS],
  ['full all the time', [[9_000, full]], PATIENCE_MS + TICK_MS],
  [
    'behind for as long as is borne',
    [
      [PATIENCE_MS, late],
      [60_000, fine],
    ],
    null,
  ],
  ['between the marks', [[60_000, between]], null],
  [
    'behind, then between, then behind',
    [
      [2_000, late],
      [8_000, between],
      [4_000, late],
    ],
    8_000 + PATIENCE_MS + TICK_MS,
  ],
  [
    'a moment now and then',
    Array.from({ length: 30 }, (_, turn) => (turn % 2 === 0 ? [3_000, late] : [1_500, fine])),
    null,
  ],
  // What pushes back, is drained, and is full again at once.
  [
    'full but for moments',
    Array.from({ length: 30 }, (_, turn) => (turn % 2 === 0 ? [900, full] : [100, fine])),
    5_520,
  ],
  [
    'started anew in between',
    [
      [3_000, late],
      [20, null],
      [3_000, late],
    ],
    null,
  ],
];
for (const [what, course, tooMuchAtMs] of cases) {
  test(what, () => assert.equal(watch(new Overload(() => 0), course), tooMuchAtMs));
}

test('patience differs by chance, up to twice as much', () => {
  assert.equal(watch(new Overload(() => 0.5), [[20_000, late]]), 1.5 * PATIENCE_MS + TICK_MS);
});

test('a process that was stopped for a while judges nothing by that', () => {
  const overload = new Overload(() => 0);
  for (const nowMs of [0, 20, 60_000, 60_020]) assert.equal(overload.look(nowMs, late, FRAME_MS), false);
});

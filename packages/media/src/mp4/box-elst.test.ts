import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRoundTrip, box, parsed, written } from '../../fixtures/box-bytes.ts';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { EDIT_LIMIT, editShiftTicks, parseEditList, writeEditList, type Edit } from './box-elst.ts';

const EMPTY_MS: Edit = { durationTicks: 500, mediaTimeTicks: -1 };

test('elst round-trips', () => {
  assertRoundTrip([], writeEditList, parseEditList);
  assertRoundTrip([EMPTY_MS, { durationTicks: 0, mediaTimeTicks: 2 ** 40 }], writeEditList, parseEditList);
});

test('elst of version 0', () => {
  const bytes = box('elst', '00 000000 00000002', '000001f4 ffffffff 00010000', '00000000 00000400 00010000');
  assert.deepEqual(parsed(bytes, parseEditList), [EMPTY_MS, { durationTicks: 0, mediaTimeTicks: 1024 }]);
});

test('lists that say more than where the media starts are refused', () => {
  const one = '00000000 00000400 00010000';
  assertMediaError(() => parsed(box('elst', '00 000000 00000002', one, one), parseEditList), 'edit_unsupported', 0);
  const odd = '00000000 fffffffe 00010000';
  assertMediaError(() => parsed(box('elst', '00 000000 00000001', odd), parseEditList), 'edit_unsupported', 0);
  for (const edits of [[{ ...EMPTY_MS, mediaTimeTicks: 0 }, EMPTY_MS], [{ ...EMPTY_MS, mediaTimeTicks: -2 }]]) {
    assertMediaError(() => written((writer) => writeEditList(writer, edits)), 'edit_unsupported');
  }
  const slow = '00000000 00000400 00008000';
  assertMediaError(() => parsed(box('elst', '00 000000 00000001', slow), parseEditList), 'edit_rate', 24);
});

test('at most so many edits', () => {
  const edit = '00000000 ffffffff 00010000';
  const list = (count: number): Uint8Array => {
    return box('elst', '00 000000', count.toString(16).padStart(8, '0'), edit.repeat(count));
  };
  assert.equal(parsed(list(EDIT_LIMIT), parseEditList).length, EDIT_LIMIT);
  assertMediaError(() => parsed(list(EDIT_LIMIT + 1), parseEditList), 'edit_count', 12);
  const edits = Array.from({ length: EDIT_LIMIT + 1 }, () => EMPTY_MS);
  assertMediaError(() => written((writer) => writeEditList(writer, edits)), 'edit_count');
});

test('empty edits push the media back, the media time pulls it forward', () => {
  assert.equal(editShiftTicks([], 90_000, 1000), 0);
  assert.equal(editShiftTicks([{ durationTicks: 0, mediaTimeTicks: 1024 }], 48_000, 1000), -1024);
  assert.equal(editShiftTicks([EMPTY_MS, EMPTY_MS, { durationTicks: 0, mediaTimeTicks: 1024 }], 48_000, 1000), 46_976);
});

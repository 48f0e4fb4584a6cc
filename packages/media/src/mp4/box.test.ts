import assert from 'node:assert/strict';
import { test } from 'node:test';
import { box, hex } from '../../fixtures/box-bytes.ts';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { CHILD_LIMIT, childBoxes, fourCC, fourCCText, onlyBox, openFullBox, optionalBox, readBox } from './box.ts';

const FREE = fourCC('free');

function readWhole(bytes: Uint8Array): ReturnType<typeof readBox> {
  return readBox(bytes, 0, bytes.length);
}

test('a header has 32 or 64 bits of size', () => {
  assert.deepEqual(readWhole(hex('00000009 66726565 00')), { type: FREE, start: 0, body: 8, end: 9 });
  assert.deepEqual(readWhole(hex('00000001 66726565 0000000000000011 00')), {
    type: FREE,
    start: 0,
    body: 16,
    end: 17,
  });
});

test('a size that cannot be is refused', () => {
  for (const size of [
    '00000000',
    '00000002',
    '00000007',
    '00000001 66726565 000000000000000f',
    '00000001 66726565 ffffffffffffffff',
  ]) {
    assertMediaError(() => readWhole(hex(`${size} 66726565 0000000000000000`)), 'box_size', 0);
  }
  assertMediaError(() => readWhole(hex('00000001 66726565 7fffffffffffffff')), 'integer_unsafe', 8);
  assertMediaError(() => readWhole(hex('0000000a 66726565 00')), 'box_truncated', 0);
  assertMediaError(() => readWhole(hex('00000008 667265')), 'truncated', 4);
});

test('a container has at most so many boxes', () => {
  const child = box('free');
  const at = box('moov', ...Array.from({ length: CHILD_LIMIT }, () => child));
  assert.equal(childBoxes(at, readWhole(at)).length, CHILD_LIMIT);
  const over = box('moov', ...Array.from({ length: CHILD_LIMIT + 1 }, () => child));
  assertMediaError(() => childBoxes(over, readWhole(over)), 'box_count', 8 + 8 * CHILD_LIMIT);
});

test('a child may not be longer than its container', () => {
  const bytes = box('moov', '00000009 66726565');
  assertMediaError(() => childBoxes(bytes, readWhole(bytes)), 'box_truncated', 8);
});

test('a box is there once, or once at most', () => {
  const twice = box('moov', box('free'), box('free'));
  const parent = readWhole(twice);
  const children = childBoxes(twice, parent);
  assertMediaError(() => onlyBox(children, FREE, parent), 'box_repeated', 16);
  assertMediaError(() => onlyBox(children, fourCC('trak'), parent), 'box_missing', 0);
  assert.equal(optionalBox(children, fourCC('trak')), undefined);
});

test('a version that we do not know is refused', () => {
  const bytes = box('tfdt', '02 000001');
  assertMediaError(() => openFullBox(bytes, readWhole(bytes), 1), 'box_version', 8);
  const { version, flags } = openFullBox(bytes, readWhole(bytes), 2);
  assert.deepEqual([version, flags], [2, 1]);
});

test('a type in a message is printable', () => {
  assert.equal(fourCCText(fourCC('moof')), 'moof');
  assert.equal(fourCCText(0x0a41_00ff), '?A??');
});

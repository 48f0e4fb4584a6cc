import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listsTag, readRange } from './range.ts';

test('ranges of 100 bytes', () => {
  const part = (firstByte: number, lastByte: number) => ({ kind: 'part', firstByte, lastByte });
  const whole = { kind: 'whole' };
  const unsatisfiable = { kind: 'unsatisfiable' };
  const table = [
    [undefined, whole],
    ['bytes=0-0', part(0, 0)],
    ['bytes=10-19', part(10, 19)],
    ['BYTES=10-19', part(10, 19)],
    ['bytes=90-', part(90, 99)],
    ['bytes=90-900', part(90, 99)],
    ['bytes=-10', part(90, 99)],
    ['bytes=-900', part(0, 99)],
    ['bytes=-0', unsatisfiable],
    ['bytes=100-', unsatisfiable],
    ['bytes=100-200', unsatisfiable],
    ['bytes=90-9223372036854775807', part(90, 99)],
    [`bytes=0-${'9'.repeat(400)}`, part(0, 99)],
    [`bytes=${'9'.repeat(400)}-`, unsatisfiable],
    [`bytes=-${'9'.repeat(400)}`, part(0, 99)],
    ['bytes=20-10', whole],
    ['bytes=-', whole],
    ['bytes=0-1,3-4', whole],
    ['bytes=a-b', whole],
    ['bytes= 0-1', whole],
    ['items=0-1', whole],
    ['', whole],
  ] as const;
  for (const [header, verdict] of table) assert.deepEqual(readRange(header, 100), verdict, header);
  assert.deepEqual(readRange('bytes=-5', 0), unsatisfiable);
  assert.deepEqual(readRange('bytes=0-', 0), unsatisfiable);
});

test('lists of tags', () => {
  const table = [
    ['"a"', true, true],
    ['W/"a"', true, false],
    ['"b" , "a"', true, true],
    ['"b",W/"a"', true, false],
    ['*', true, true],
    ['"ab"', false, false],
    ['a', false, false],
    ['w/"a"', false, false],
    ['', false, false],
  ] as const;
  for (const [header, weak, strong] of table) {
    assert.equal(listsTag(header, '"a"', 'weak'), weak, header);
    assert.equal(listsTag(header, '"a"', 'strong'), strong, header);
  }
});

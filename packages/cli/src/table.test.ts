import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTable } from './table.ts';

test('columns are as wide as they need to be', () => {
  assert.equal(formatTable(['A', 'B'], [['long', 'x'], ['y']]), 'A     B\nlong  x\ny');
});

test('what somebody else wrote moves no cursor, hides no row and makes none', () => {
  const path = '/v1/streams/\u001b[1A\u001b[2K\r\n1  root  \u202e\u2028\u0007';
  const table = formatTable(['TARGET'], [[path]]);
  assert.equal(table, 'TARGET\n/v1/streams/\\u{1b}[1A\\u{1b}[2K\\u{d}\\u{a}1  root  \\u{202e}\\u{2028}\\u{7}');
});

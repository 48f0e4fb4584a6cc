import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listsTag, sameTag } from './entity-tag.ts';

test('tags compared weakly and strongly', () => {
  const table = [
    ['"a"', '"a"', true, true],
    ['W/"a"', '"a"', true, false],
    ['W/"a"', 'W/"a"', true, false],
    ['W/"a"', 'W/"b"', false, false],
    ['w/"a"', '"a"', false, false],
  ] as const;
  for (const [a, b, weak, strong] of table) {
    assert.equal(sameTag(a, b, 'weak'), weak, `${a} ${b}`);
    assert.equal(sameTag(b, a, 'strong'), strong, `${a} ${b}`);
  }
});

test('lists of tags', () => {
  const table = [
    ['"a"', true, true],
    ['W/"a"', true, false],
    ['"b" , "a"', true, true],
    ['"b",W/"a"', true, false],
    ['"a, b", "c"', false, false],
    ['*', true, true],
    ['"ab"', false, false],
    ['a', false, false],
    ['w/"a"', false, false],
    ['', false, false],
  ] as const;
  for (const [list, weak, strong] of table) {
    assert.equal(listsTag(list, '"a"', 'weak'), weak, list);
    assert.equal(listsTag(list, '"a"', 'strong'), strong, list);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logCursorOf, reaches } from './log-cursor.ts';

test('positions compare by number, within one log', () => {
  assert.equal(reaches('a.10', 'a.9'), true);
  assert.equal(reaches('a.9', 'a.9'), true);
  assert.equal(reaches('a.9', 'a.10'), false);
  assert.equal(reaches('b.10', 'a.9'), false);
  assert.equal(reaches('a.1700000000000-2', 'a.1700000000000-1'), true);
  assert.equal(reaches('a.1700000000000-2', 'a.1700000000001-0'), false);
  assert.equal(reaches('', 'a.1'), false);
});

test('a feed cursor begins with the log’s', () => {
  assert.equal(logCursorOf('a.10~boot~7'), 'a.10');
  assert.equal(logCursorOf('a.10'), 'a.10');
});

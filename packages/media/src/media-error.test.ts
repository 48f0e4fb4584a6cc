import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertMediaError } from '../fixtures/media-error.ts';
import { MediaError, withBase } from './media-error.ts';

test('an error says its code, its place and its reason', () => {
  const error = new MediaError('box_size', 12, 'too small');
  assert.equal(error.message, 'too small (box_size at byte 12)');
  assert.deepEqual([error.name, error.code, error.offset, error.reason], ['MediaError', 'box_size', 12, 'too small']);
});

test('an error of a piece comes out with its place in the whole', () => {
  const fail = (): never => {
    throw new MediaError('box_size', 12, 'too small');
  };
  assertMediaError(() => withBase(100, () => withBase(1000, fail)), 'box_size', 1112);
  assert.equal(
    withBase(100, () => 7),
    7,
  );
});

test('what is a bug stays what it is', () => {
  const bug = new TypeError('a bug');
  assert.throws(
    () =>
      withBase(100, () => {
        throw bug;
      }),
    (error) => error === bug,
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problem } from './problem.ts';

test('a problem carries its code, its status and a title for people', () => {
  assert.deepEqual(problem('token_expired', 'it ended at 12:00'), {
    type: 'about:blank',
    status: 403,
    title: 'token expired',
    code: 'token_expired',
    detail: 'it ended at 12:00',
  });
  assert.ok(!('detail' in problem('not_found')));
});

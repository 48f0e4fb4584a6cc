import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownFields } from './own-fields.ts';
import { NOW_MS } from './sample-head.ts';

function ownOf(...fields: string[]): readonly string[] {
  return ownFields({ status: 200, fields }, NOW_MS);
}

test('fields that private or no-cache names are for the one who asked', () => {
  const named = ownOf('Cache-Control', 'private="Set-Cookie"', 'Set-Cookie', 'x', 'A', '1', 'set-cookie', 'y');
  assert.deepEqual(named, ['Set-Cookie', 'x', 'set-cookie', 'y']);
  assert.deepEqual(ownOf('Cache-Control', 'max-age=1', 'A', '1'), []);
  assert.deepEqual(ownOf('Cache-Control', 'no-cache="upgrade"', 'Upgrade', 'x'), []);
});

test('so are cookies, unless others may have them for a time', () => {
  const cookie = ['Set-Cookie', 'a=1'];
  for (const control of ['', 'max-age=0', 'max-age=60, no-cache']) {
    assert.deepEqual(ownOf('Cache-Control', control, ...cookie), cookie, control);
  }
  for (const control of ['max-age=60', 'public', 'public, max-age=0']) {
    assert.deepEqual(ownOf('Cache-Control', control, ...cookie), [], control);
  }
});

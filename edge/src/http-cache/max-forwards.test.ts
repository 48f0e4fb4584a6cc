import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldsOfNextHop } from './max-forwards.ts';

test('a request that is counted goes on with one hop less, and not at all with none', () => {
  const next = (method: string, value: string) => {
    return fieldsOfNextHop({ method, fields: ['A', '1', 'max-forwards', value] })?.at(-1);
  };
  assert.equal(next('OPTIONS', '10'), '9');
  assert.equal(next('TRACE', '1'), '0');
  assert.equal(next('OPTIONS', '0'), undefined);
  assert.equal(next('OPTIONS', '9'.repeat(30)), String(Number.MAX_SAFE_INTEGER));
  for (const odd of ['-1', '', 'x', '1.5']) assert.equal(next('OPTIONS', odd), odd);
  assert.equal(next('GET', '0'), '0');
  assert.deepEqual(fieldsOfNextHop({ method: 'OPTIONS', fields: ['A', '1'] }), ['A', '1']);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seal, sealingKeyOf, unseal } from './sealed-secret.ts';

test('a sealed secret opens for its owner, under its key, unaltered, and for nobody else', () => {
  const key = sealingKeyOf('one secret');
  const secret = Buffer.from('twenty bytes of code');
  const sealed = seal(secret, 'anna', key);
  assert.deepEqual(unseal(sealed, 'anna', sealingKeyOf('one secret')), secret);
  assert.notEqual(sealed, seal(secret, 'anna', key));
  assert.ok(!Buffer.from(sealed.split('.')[2] ?? '', 'base64url').includes(secret));
  assert.equal(unseal(sealed, 'bert', key), null);
  assert.equal(unseal(sealed, 'anna', sealingKeyOf('another')), null);
  const body = Buffer.from(sealed.split('.')[2] ?? '', 'base64url');
  for (let index = 0; index < body.length; index += 1) {
    const altered = Buffer.from(body);
    altered[index] = (altered[index] as number) ^ 1;
    assert.equal(unseal(`s1.${key.id}.${altered.toString('base64url')}`, 'anna', key), null, String(index));
  }
  for (const text of ['', 's1', `s1.${key.id}.`, `s1.${key.id}.AAAA`, `s2.${sealed.slice(3)}`])
    assert.equal(unseal(text, 'anna', key), null);
});

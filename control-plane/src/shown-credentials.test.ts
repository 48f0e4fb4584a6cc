import assert from 'node:assert/strict';
import { createSecretKey, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { mintNodeCredential } from '@headwater/protocol/node-credential';
import { ShownCredentials } from './shown-credentials.ts';

const SECRET = createSecretKey(randomBytes(32));
const CLAIMS = { node: 'edge-1', keyThumbprint: 'k'.repeat(22), expiresS: 1_000 };

test('a credential is good until it ends, however often it was shown', () => {
  const shown = new ShownCredentials(SECRET);
  const credential = mintNodeCredential(CLAIMS, SECRET);
  for (const nowMs of [0, 1, 999_999]) assert.deepEqual(shown.read(credential, nowMs), CLAIMS);
  assert.equal(shown.read(credential, 1_000_000), null);
  assert.equal(shown.read(credential, 1_000_001), null);
});

test('what was not signed by this control plane is nobody', () => {
  const shown = new ShownCredentials(SECRET);
  const foreign = mintNodeCredential(CLAIMS, createSecretKey(randomBytes(32)));
  assert.equal(shown.read(foreign, 0), null);
  assert.equal(shown.read('', 0), null);
  const ours = mintNodeCredential(CLAIMS, SECRET);
  assert.deepEqual(shown.read(ours, 0), CLAIMS);
  assert.equal(shown.read(`${ours}x`, 0), null);
});

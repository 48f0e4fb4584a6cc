import assert from 'node:assert/strict';
import { createSecretKey, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import {
  isNodeKey,
  mintNodeCredential,
  nodeKeyOf,
  nodeKeyThumbprint,
  PROOF_SKEW_SECONDS,
  signNodeProof,
  verifyNodeCredential,
  verifyNodeProof,
} from './node-credential.ts';

const NOW_MS = 1_800_000_000_000;
const { privateKey } = generateKeyPairSync('ed25519');
const other = generateKeyPairSync('ed25519').privateKey;
const publicKey = nodeKeyOf(privateKey);
const SECRET = createSecretKey(Buffer.alloc(32, 1));

/** Every text that differs from this one in one character. */
function altered(text: string): string[] {
  return Array.from(text, (char, index) => text.slice(0, index) + (char === 'a' ? 'b' : 'a') + text.slice(index + 1));
}

test('a proof is of one node and one key', () => {
  const proof = signNodeProof('edge-1', NOW_MS, privateKey);
  const expect = { node: 'edge-1', publicKey, nowMs: NOW_MS };
  assert.ok(isNodeKey(publicKey));
  assert.equal(verifyNodeProof(proof, expect), 'ok');
  assert.equal(verifyNodeProof(proof, { ...expect, node: 'edge-2' }), 'malformed');
  assert.equal(verifyNodeProof(proof, { ...expect, publicKey: nodeKeyOf(other) }), 'signature');
  assert.equal(verifyNodeProof(proof, { ...expect, publicKey: 'short' }), 'malformed');
  for (const text of altered(proof)) assert.notEqual(verifyNodeProof(text, expect), 'ok', text);
  for (const text of ['', 'p1', `${proof}.x`, 'x'.repeat(10_000)])
    assert.equal(verifyNodeProof(text, expect), 'malformed');
});

test('a proof holds for clocks that differ by five minutes, and no more', () => {
  const proof = signNodeProof('edge-1', NOW_MS, privateKey);
  for (const sign of [-1, 1]) {
    const at = (seconds: number): string => {
      return verifyNodeProof(proof, { node: 'edge-1', publicKey, nowMs: NOW_MS + sign * seconds * 1000 });
    };
    assert.equal(at(PROOF_SKEW_SECONDS), 'ok');
    assert.equal(at(PROOF_SKEW_SECONDS + 1), 'clock');
  }
});

test('a credential says whose it is until it ends', () => {
  const claims = { node: 'edge-1', keyThumbprint: nodeKeyThumbprint(publicKey), expiresS: NOW_MS / 1000 + 60 };
  const token = mintNodeCredential(claims, SECRET);
  assert.deepEqual(verifyNodeCredential(token, SECRET, NOW_MS), claims);
  assert.deepEqual(verifyNodeCredential(token, SECRET, NOW_MS + 59_999), claims);
  assert.equal(verifyNodeCredential(token, SECRET, NOW_MS + 60_000), null);
  assert.equal(verifyNodeCredential(token, createSecretKey(Buffer.alloc(32, 2)), NOW_MS), null);
  for (const text of [...altered(token), '', 'c1', `${token}.x`, 'x'.repeat(10_000)]) {
    assert.equal(verifyNodeCredential(text, SECRET, NOW_MS), null, text);
  }
  assert.throws(() => mintNodeCredential({ ...claims, node: 'a.b' }, SECRET), RangeError);
  assert.notEqual(nodeKeyThumbprint(publicKey), nodeKeyThumbprint(nodeKeyOf(other)));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PASS_TTL_MS, mintNodePass, verifyNodePass } from './node-pass.ts';
import { makeKeyring, mintPathToken, verifyPathToken } from './path-token.ts';

const NOW_MS = Date.UTC(2030, 0, 1);
const KEYS = makeKeyring([{ kid: 'k1', secret: Buffer.alloc(32, 7).toString('base64url'), state: 'current' }]);
const OTHERS = makeKeyring([{ kid: 'k1', secret: Buffer.alloc(32, 8).toString('base64url'), state: 'current' }]);
const NONE = makeKeyring([]);
const PASS = mintNodePass('edge-1', 'cmaf', KEYS, NOW_MS) ?? '';

test('a pass names its node, for its purpose, as long as it is good', () => {
  assert.equal(verifyNodePass(PASS, 'cmaf', KEYS, NOW_MS), 'edge-1');
  assert.equal(verifyNodePass(PASS, 'zone', KEYS, NOW_MS), null);
  assert.equal(verifyNodePass(PASS, 'cmaf', KEYS, NOW_MS + PASS_TTL_MS + 29_000), 'edge-1');
  assert.equal(verifyNodePass(PASS, 'cmaf', KEYS, NOW_MS + PASS_TTL_MS + 31_000), null);
  assert.equal(verifyNodePass(PASS, 'cmaf', KEYS, NOW_MS - 29_000), 'edge-1');
  assert.equal(verifyNodePass(PASS, 'cmaf', KEYS, NOW_MS - 32_000), null, 'nobody mints for so long');
});

test('another key, no key, and any changed character', () => {
  assert.equal(verifyNodePass(PASS, 'cmaf', OTHERS, NOW_MS), null);
  assert.equal(verifyNodePass(PASS, 'cmaf', NONE, NOW_MS), null);
  assert.equal(mintNodePass('edge-1', 'cmaf', NONE, NOW_MS), null);
  for (let at = 0; at < PASS.length; at += 1) {
    for (const character of ['A', 'z', '0', '.']) {
      if (PASS[at] === character) continue;
      const changed = `${PASS.slice(0, at)}${character}${PASS.slice(at + 1)}`;
      assert.equal(verifyNodePass(changed, 'cmaf', KEYS, NOW_MS), null, changed);
    }
  }
});

test('a viewer’s token is no pass, and a pass no token', () => {
  const scope = 'live/show';
  const claims = { session: 's', scope, notBeforeS: NOW_MS / 1000, expiresS: NOW_MS / 1000 + 60, bind: null } as const;
  assert.equal(verifyNodePass(mintPathToken(claims, KEYS), 'cmaf', KEYS, NOW_MS), null);
  const verdict = verifyPathToken(PASS, { scope, address: '127.0.0.1', nowMs: NOW_MS }, KEYS);
  assert.equal(verdict.ok, false);
});

test('only a node has one', () => {
  for (const id of ['Edge', 'a.b', '', '-']) assert.throws(() => mintNodePass(id, 'cmaf', KEYS, NOW_MS), RangeError);
});

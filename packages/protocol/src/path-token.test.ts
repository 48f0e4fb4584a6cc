import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import type { PathKey } from './feed.ts';
import {
  PATH_TOKEN_LIMIT,
  type PathClaims,
  type PathExpectation,
  isPathTokenForm,
  makeKeyring,
  mintPathToken,
  verifyPathToken,
} from './path-token.ts';
import { seeded } from './test-random.ts';
import { type TokenScope, streamScope, zoneScope } from './token-scope.ts';

const OLD: PathKey = { kid: 'k1', secret: Buffer.alloc(32, 1).toString('base64url'), state: 'previous' };
const NEW: PathKey = { kid: 'k2', secret: Buffer.alloc(32, 2).toString('base64url'), state: 'current' };
const KEYS = makeKeyring([OLD, NEW]);
const CLAIMS: PathClaims = {
  session: 'viewer-1',
  scope: 'live/show',
  notBeforeS: 1_000,
  expiresS: 2_000,
  bind: null,
};
const REQUEST: PathExpectation = { scope: 'live/show', address: '203.0.113.7', nowMs: 1_500_000 };

test('a minted token verifies and says what was minted', () => {
  for (const bind of [null, '203.0.113.0/24']) {
    const claims = { ...CLAIMS, bind };
    const token = mintPathToken(claims, KEYS);
    assert.match(token, /^[A-Za-z0-9_~.-]+$/);
    assert.deepEqual(verifyPathToken(token, REQUEST, KEYS), { ok: true, claims });
  }
});

test('a stream and a zone of one name have nothing to do with each other', () => {
  const [stream, zone] = [streamScope('show'), zoneScope('show')].map((scope) =>
    mintPathToken({ ...CLAIMS, scope }, KEYS),
  );
  const opens = (token: string | undefined, scope: TokenScope) =>
    verifyPathToken(token ?? '', { ...REQUEST, scope }, KEYS);
  assert.deepEqual(opens(zone, 'zone/show'), { ok: true, claims: { ...CLAIMS, scope: 'zone/show' } });
  assert.deepEqual(opens(zone, 'live/show'), { ok: false, code: 'token_scope' });
  assert.deepEqual(opens(stream, 'zone/show'), { ok: false, code: 'token_scope' });
  assert.deepEqual(opens(stream?.replace('live~', 'zone~'), 'zone/show'), { ok: false, code: 'token_signature' });
  assert.ok(isPathTokenForm(zone ?? '') && isPathTokenForm('1.x.s.zone~a.0.0.~.AAAAAAAAAAAAAAAAAAAAAA'));
  for (const text of ['', 'a', '1.x', `${zone}x.`, 'x'.repeat(PATH_TOKEN_LIMIT + 1)])
    assert.ok(!isPathTokenForm(text), text);
});

test('the MAC is HMAC-SHA-256 of the text before it, cut to 128 bits', () => {
  const token = mintPathToken(CLAIMS, KEYS);
  const signed = '1.k2.viewer-1.live~show.rs.1jk.~';
  const mac = createHmac('sha256', Buffer.alloc(32, 2)).update(signed).digest().subarray(0, 16).toString('base64url');
  assert.equal(token, `${signed}.${mac}`);
});

test('both keys verify, the current one mints, and a key that was dropped is unknown', () => {
  const before = mintPathToken(CLAIMS, makeKeyring([{ ...OLD, state: 'current' }]));
  assert.equal(verifyPathToken(before, REQUEST, KEYS).ok, true);
  assert.equal(mintPathToken(CLAIMS, KEYS).split('.')[1], 'k2');
  assert.deepEqual(verifyPathToken(before, REQUEST, makeKeyring([NEW])), { ok: false, code: 'token_unknown_key' });
});

test('each thing that does not fit has its code', () => {
  const token = mintPathToken(CLAIMS, KEYS);
  const bound = mintPathToken({ ...CLAIMS, bind: '203.0.113.0/24' }, KEYS);
  const cases: [string, Partial<PathExpectation>, string | true][] = [
    [token, { nowMs: 1_000_000 }, true],
    [token, { nowMs: 969_999 }, 'token_not_yet_valid'],
    [token, { nowMs: 1_999_999 }, true],
    [token, { nowMs: 2_000_000 }, 'token_expired'],
    [token, { scope: 'live/other' }, 'token_scope'],
    [bound, { address: '203.0.114.7' }, 'token_address'],
    [bound, { address: '::ffff:203.0.113.9' }, true],
    [bound, { address: 'garbage' }, 'token_address'],
    [token.replace('.k2.', '.k9.'), {}, 'token_unknown_key'],
    [token.replace('show', 'other'), { scope: 'live/other' }, 'token_signature'],
    ['', {}, 'token_malformed'],
    ['a.b', {}, 'token_malformed'],
    [`${token}=`, {}, 'token_malformed'],
    ['1.'.repeat(PATH_TOKEN_LIMIT), {}, 'token_malformed'],
  ];
  for (const [text, request, outcome] of cases) {
    const verdict = verifyPathToken(text, { ...REQUEST, ...request }, KEYS);
    assert.equal(verdict.ok || verdict.code, outcome, text);
  }
});

test('no token is longer than the limit, and the longest one verifies', () => {
  const claims = {
    ...CLAIMS,
    session: 's'.repeat(64),
    scope: streamScope('x'.repeat(64)),
    bind: '0000:0000:0000:0000:0000:1111:203.100.113.107/128',
  };
  const token = mintPathToken(claims, makeKeyring([{ ...NEW, kid: 'k'.repeat(16) }]));
  assert.ok(token.length <= PATH_TOKEN_LIMIT);
  const keys = makeKeyring([{ ...NEW, kid: 'k'.repeat(16) }]);
  const request = { scope: claims.scope, address: '::1111:203.100.113.107', nowMs: 1_500_000 };
  assert.equal(verifyPathToken(token, request, keys).ok, true);
});

test('what no token can carry is not minted', () => {
  assert.throws(() => mintPathToken({ ...CLAIMS, session: 'a.b' }, KEYS), RangeError);
  assert.throws(() => mintPathToken({ ...CLAIMS, scope: 'live/../x' }, KEYS), RangeError);
  assert.throws(() => mintPathToken({ ...CLAIMS, bind: '203.0.113.0/33' }, KEYS), RangeError);
  assert.throws(() => mintPathToken({ ...CLAIMS, expiresS: 1.5 }, KEYS), RangeError);
  assert.throws(() => mintPathToken(CLAIMS, makeKeyring([])), RangeError);
  assert.throws(() => makeKeyring([{ ...NEW, secret: 'c2hvcnQ' }]), RangeError);
});

test('150,000 altered tokens: none verifies, none throws', () => {
  const random = seeded(20_261_122);
  const pick = (limit: number) => Math.floor(random() * limit);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~%/=+\u0000é';
  const tokens = [
    mintPathToken(CLAIMS, KEYS),
    mintPathToken({ ...CLAIMS, session: 'x', bind: '203.0.113.0/24' }, KEYS),
    mintPathToken({ ...CLAIMS, scope: 'live/a-much_longer-name' }, KEYS),
  ];
  const codes = new Map<string, number>();
  for (let round = 0; round < 150_000; round += 1) {
    const original = tokens[pick(tokens.length)] as string;
    let altered = original;
    for (let edits = 1 + pick(3); edits > 0; edits -= 1) {
      const at = pick(altered.length + 1);
      const char = alphabet[pick(alphabet.length)] as string;
      const cut = [0, 1, 1, 1, 1, 2][pick(6)] as number;
      altered = altered.slice(0, at) + (pick(4) === 0 ? '' : char) + altered.slice(at + cut);
    }
    if (altered === original) continue;
    const scope = (altered.split('.')[3]?.replace('~', '/') ?? 'live/show') as TokenScope;
    const verdict = verifyPathToken(altered, { ...REQUEST, scope }, KEYS);
    assert.equal(verdict.ok, false, altered);
    if (!verdict.ok) codes.set(verdict.code, (codes.get(verdict.code) ?? 0) + 1);
  }
  // The mutations are no good if they all stop at the form.
  assert.ok((codes.get('token_signature') ?? 0) > 30_000, JSON.stringify([...codes]));
});

test('each single character of a token counts, the spare bits of the last one included', () => {
  const token = mintPathToken(CLAIMS, KEYS);
  for (let at = 0; at < token.length; at += 1) {
    for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~.') {
      if (token[at] === char) continue;
      const altered = token.slice(0, at) + char + token.slice(at + 1);
      assert.equal(verifyPathToken(altered, REQUEST, KEYS).ok, false, altered);
    }
  }
});

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { OWN_ISSUER, readExplainQuestion, signExplainQuestion } from './explanation.ts';
import type { Issuer } from './feed.ts';
import { signJws } from './jws.ts';
import { verifySessionToken } from './session-token.ts';

const NOW_MS = Date.UTC(2026, 10, 24);
const QUESTION = { address: '2001:db8::1', stream: 'show' };

function party(iss: string) {
  const { privateKey: key, publicKey } = generateKeyPairSync('ed25519');
  const issuer: Issuer = { iss, alg: 'EdDSA', jwk: { ...publicKey.export({ format: 'jwk' }) } };
  return { signer: { iss, alg: 'EdDSA', key } as const, issuer };
}

test('a question is read as it was signed, for a minute, and by nobody else\u2019s word', () => {
  const [own, other] = [party(OWN_ISSUER), party('shop')];
  const token = signExplainQuestion(QUESTION, own.signer, NOW_MS);
  assert.deepEqual(readExplainQuestion(token, own.issuer, NOW_MS), QUESTION);
  assert.deepEqual(readExplainQuestion(token, own.issuer, NOW_MS + 59_999), QUESTION);
  const refused: [token: string, issuer: Issuer | undefined, nowMs: number][] = [
    [token, own.issuer, NOW_MS + 60_000],
    [token, undefined, NOW_MS],
    [token, other.issuer, NOW_MS],
    [signExplainQuestion(QUESTION, { ...other.signer, iss: OWN_ISSUER }, NOW_MS), own.issuer, NOW_MS],
    [signExplainQuestion({ ...QUESTION, stream: '../x' }, own.signer, NOW_MS), own.issuer, NOW_MS],
    [signJws({ ...QUESTION, iss: OWN_ISSUER, exp: NOW_MS / 1000 + 9 }, own.signer), own.issuer, NOW_MS],
    [`${token}x`, own.issuer, NOW_MS],
    ['', own.issuer, NOW_MS],
  ];
  for (const [text, issuer, nowMs] of refused) assert.equal(readExplainQuestion(text, issuer, nowMs), null, text);
});

test('a question opens no door', () => {
  const own = party(OWN_ISSUER);
  const verdict = verifySessionToken(signExplainQuestion(QUESTION, own.signer, NOW_MS), {
    uri: 'http://h/live/show/master.m3u8',
    scope: 'live/show',
    address: '203.0.113.7',
    nowMs: NOW_MS,
    issuers: new Map([[OWN_ISSUER, own.issuer]]),
  });
  assert.equal(verdict.ok ? '' : verdict.code, 'session_audience');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { base32 } from './base32.ts';
import { matchTotp, totpCode, totpStep, totpUri } from './totp.ts';

const RFC_SECRET = Buffer.from('12345678901234567890');

test('codes are those of RFC 6238, appendix B', () => {
  for (const [seconds, code] of [
    [59, '94287082'],
    [1_111_111_109, '07081804'],
    [1_111_111_111, '14050471'],
    [1_234_567_890, '89005924'],
    [2_000_000_000, '69279037'],
    [20_000_000_000, '65353130'],
  ] as const) {
    assert.equal(totpCode(RFC_SECRET, totpStep(seconds * 1000), 8), code);
  }
});

test('a code is good for its step and the one beside it on either side, and once', () => {
  const nowMs = 1_234_567_890_000;
  const step = totpStep(nowMs);
  for (const [offset, good] of [
    [-2, false],
    [-1, true],
    [0, true],
    [1, true],
    [2, false],
  ] as const) {
    const matched = matchTotp(RFC_SECRET, totpCode(RFC_SECRET, step + offset), nowMs, -1);
    assert.equal(matched, good ? step + offset : null, String(offset));
  }
  const code = totpCode(RFC_SECRET, step);
  assert.equal(matchTotp(RFC_SECRET, code, nowMs, step), null);
  assert.equal(matchTotp(RFC_SECRET, code, nowMs, step - 1), step);
  for (const text of ['', '12345', '1234567', 'abcdef', ` ${code}`])
    assert.equal(matchTotp(RFC_SECRET, text, nowMs, -1), null);
});

test('base32 is that of RFC 4648, section 10, without padding', () => {
  for (const [text, encoded] of [
    ['', ''],
    ['f', 'MY'],
    ['fo', 'MZXQ'],
    ['foo', 'MZXW6'],
    ['foob', 'MZXW6YQ'],
    ['fooba', 'MZXW6YTB'],
    ['foobar', 'MZXW6YTBOI'],
  ] as const) {
    assert.equal(base32(Buffer.from(text)), encoded);
  }
  const uri = 'otpauth://totp/Headwater:anna?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Headwater';
  assert.equal(totpUri('anna', RFC_SECRET), uri);
});

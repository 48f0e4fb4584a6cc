/** Time-based one-time passwords (RFC 6238) as every authenticator app makes them: HMAC-SHA-1, 30 s, six digits. */

import { createHmac, timingSafeEqual } from 'node:crypto';
import { base32 } from './base32.ts';

const STEP_MS = 30_000;
const DIGITS = 6;
/** Steps to either side that a phone's clock may be off by (RFC 6238 §5.2). */
const SKEW_STEPS = 1;
/** RFC 4226 §4 R6 recommends 160 bits. */
export const TOTP_SECRET_BYTES = 20;

/** The code of a step (RFC 4226 §5.3). */
export function totpCode(secret: Uint8Array, step: number, digits = DIGITS): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const digest = createHmac('sha1', secret).update(counter).digest();
  const offset = (digest.at(-1) as number) & 15;
  const number = digest.readUInt32BE(offset) & 0x7fffffff;
  return String(number % 10 ** digits).padStart(digits, '0');
}

export function totpStep(nowMs: number): number {
  return Math.floor(nowMs / STEP_MS);
}

/**
 * The step that a code is of, if it is one of now and later than `lastStep`, the newest that was accepted: a code opens once
 * (RFC 6238 §5.2).
 */
export function matchTotp(secret: Uint8Array, code: string, nowMs: number, lastStep: number): number | null {
  if (!/^\d{6}$/.test(code)) return null;
  const now = totpStep(nowMs);
  let matched: number | null = null;
  for (let step = now - SKEW_STEPS; step <= now + SKEW_STEPS; step += 1) {
    const isSame = timingSafeEqual(Buffer.from(code), Buffer.from(totpCode(secret, step)));
    if (isSame && step > lastStep) matched ??= step;
  }
  return matched;
}

/** What an app reads from a QR code. */
export function totpUri(account: string, secret: Uint8Array): string {
  return `otpauth://totp/Headwater:${encodeURIComponent(account)}?secret=${base32(secret)}&issuer=Headwater`;
}

/** The second factor of an account: enrolled by a secret in an app, shown by a code that opens once, or by a recovery code. */

import { randomBytes } from 'node:crypto';
import { credentialHash } from '../kept-token.ts';
import { base32 } from './base32.ts';
import { type SealingKey, seal, unseal } from './sealed-secret.ts';
import { TOTP_SECRET_BYTES, matchTotp, totpUri } from './totp.ts';

export interface SecondFactor {
  /** sealed for the account */
  readonly secret: string;
  /** the newest step that was accepted; -1 before the first */
  readonly lastStep: number;
  /** null until a code has shown that the app has the secret: it does not count before */
  readonly confirmedAtMs: number | null;
  /** hashes of the codes that are left */
  readonly recovery: readonly string[];
}

/** What a code was worth: the factor as it is afterwards. `unreadable`: the secret is sealed under another key. */
export type CodeVerdict =
  | { readonly ok: true; readonly factor: SecondFactor; readonly by: 'code' | 'recovery' }
  | { readonly ok: false; readonly why: 'wrong' | 'unreadable' };

interface Shown {
  readonly owner: string;
  readonly code: string;
  readonly nowMs: number;
}

const RECOVERY_CODES = 10;
const RECOVERY_BYTES = 10;

/** A new factor, and what the person's app takes. It does not count before {@link confirmFactor}. */
export function makeFactor(
  owner: string,
  key: SealingKey,
): { readonly factor: SecondFactor; readonly secret: string; readonly uri: string } {
  const secret = randomBytes(TOTP_SECRET_BYTES);
  const factor = { secret: seal(secret, owner, key), lastStep: -1, confirmedAtMs: null, recovery: [] };
  return { factor, secret: base32(secret), uri: totpUri(owner, secret) };
}

/** Makes the factor count, by its first code. Recovery codes are shown here and never again. */
export function confirmFactor(
  factor: SecondFactor,
  shown: Shown,
  key: SealingKey,
): { readonly factor: SecondFactor; readonly recoveryCodes: readonly string[] } | null {
  const verdict = judgeCode(factor, shown, key);
  if (!verdict.ok) return null;
  const recoveryCodes = Array.from({ length: RECOVERY_CODES }, makeRecoveryCode);
  const recovery = recoveryCodes.map(credentialHash);
  return { factor: { ...verdict.factor, confirmedAtMs: shown.nowMs, recovery }, recoveryCodes };
}

/** Whether a code is the factor's. The caller keeps the factor that comes back, in the step that the code opens. */
export function judgeCode(factor: SecondFactor, { owner, code, nowMs }: Shown, key: SealingKey): CodeVerdict {
  const hash = credentialHash(code.trim().toLowerCase());
  if (factor.recovery.includes(hash)) {
    const recovery = factor.recovery.filter((left) => left !== hash);
    return { ok: true, factor: { ...factor, recovery }, by: 'recovery' };
  }
  const secret = unseal(factor.secret, owner, key);
  if (secret === null) return { ok: false, why: 'unreadable' };
  const step = matchTotp(secret, code, nowMs, factor.lastStep);
  return step === null ? { ok: false, why: 'wrong' } : { ok: true, factor: { ...factor, lastStep: step }, by: 'code' };
}

/** 80 bits of chance, so that a plain hash cannot be searched backwards. */
function makeRecoveryCode(): string {
  return (base32(randomBytes(RECOVERY_BYTES)).toLowerCase().match(/.{4}/g) ?? []).join('-');
}

/** Secrets that must be read again, as those of second factors: kept under a key that is not in the store. */

import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';

/** AES-256-GCM. */
export interface SealingKey {
  /** names it without telling it */
  readonly id: string;
  readonly bytes: Buffer;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const LENGTHS = { authTagLength: TAG_BYTES } as const;

/** @param text the configured or kept secret, at least 128 bits of chance */
export function sealingKeyOf(text: string): SealingKey {
  const bytes = Buffer.from(hkdfSync('sha256', text, '', 'headwater sealed secrets', 32));
  return { id: createHash('sha256').update(bytes).digest('hex').slice(0, 8), bytes };
}

/** @param owner bound into the seal: what is sealed for one account cannot be put under another */
export function seal(secret: Uint8Array, owner: string, key: SealingKey): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce, LENGTHS).setAAD(Buffer.from(owner));
  const sealed = Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
  return `s1.${key.id}.${sealed.toString('base64url')}`;
}

/** The secret; null when it was sealed under another key, for another owner, or altered. */
export function unseal(text: string, owner: string, key: SealingKey): Buffer | null {
  const [version, id, body = ''] = text.split('.');
  const sealed = Buffer.from(body, 'base64url');
  if (version !== 's1' || id !== key.id || sealed.length < NONCE_BYTES + TAG_BYTES) return null;
  const decipher = createDecipheriv('aes-256-gcm', key.bytes, sealed.subarray(0, NONCE_BYTES), LENGTHS)
    .setAAD(Buffer.from(owner))
    .setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    return null;
  }
}

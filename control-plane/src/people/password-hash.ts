/** Passwords, kept as argon2id (RFC 9106) in the PHC string format. */

import { type Argon2Parameters, argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { HashingQueue } from './hashing-queue.ts';

/** What one hash costs. */
export interface HashCost {
  readonly memoryKib: number;
  readonly passes: number;
}

/** OWASP's first choice for argon2id with one lane; 40 ms of one core or so. */
export const HASH_COST: HashCost = { memoryKib: 19_456, passes: 2 };

const QUEUE = { running: 2, waiting: 32 } as const;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
const PHC = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=1\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{43})$/;

export class PasswordHasher {
  readonly #cost: HashCost;
  readonly #queue = new HashingQueue(QUEUE);
  /** of no password: what is compared where there is no account, so that an answer takes as long as with one */
  readonly #nobody: string;

  constructor(cost: HashCost = HASH_COST) {
    this.#cost = cost;
    this.#nobody = phc(cost, randomBytes(SALT_BYTES), randomBytes(HASH_BYTES));
  }

  get waiting(): number {
    return this.#queue.waiting;
  }

  /** Null: too many are hashed already. */
  async hash(password: string): Promise<string | null> {
    const salt = randomBytes(SALT_BYTES);
    const digest = await this.#queue.run(() => derive(password, salt, this.#cost));
    return digest === 'busy' ? null : phc(this.#cost, salt, digest);
  }

  /**
   * Whether a password is the one that was hashed, or `busy`. The hash is null for an account that is not there, which takes as long.
   * @throws Error for a hash that is none
   */
  async verify(password: string, hash: string | null): Promise<boolean | 'busy'> {
    const { cost, salt, digest } = parse(hash ?? this.#nobody);
    const derived = await this.#queue.run(() => derive(password, salt, cost));
    return derived === 'busy' ? derived : timingSafeEqual(derived, digest) && hash !== null;
  }
}

/** One password, however a keyboard composes its letters. */
export function isSamePassword(one: string, other: string): boolean {
  return composed(one) === composed(other);
}

/** RFC 8265 §4.2.2. */
function composed(password: string): string {
  return password.normalize('NFC');
}

function derive(password: string, salt: Buffer, { memoryKib, passes }: HashCost): Promise<Buffer> {
  const cost = { memory: memoryKib, passes, parallelism: 1, tagLength: HASH_BYTES };
  const parameters: Argon2Parameters = { message: composed(password), nonce: salt, ...cost };
  return new Promise((resolve, reject) => {
    argon2('argon2id', parameters, (error, digest) => (error === null ? resolve(digest) : reject(error)));
  });
}

function phc({ memoryKib, passes }: HashCost, salt: Buffer, digest: Buffer): string {
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=1$${unpadded(salt)}$${unpadded(digest)}`;
}

function parse(hash: string): { readonly cost: HashCost; readonly salt: Buffer; readonly digest: Buffer } {
  const [, memory, passes, salt = '', digest = ''] = PHC.exec(hash) ?? [];
  if (memory === undefined) throw new Error('a stored password is no argon2id hash');
  const cost = { memoryKib: Number(memory), passes: Number(passes) };
  return { cost, salt: Buffer.from(salt, 'base64'), digest: Buffer.from(digest, 'base64') };
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}

/** People for tests: over a given store, with a clock that moves when told to and hashes that cost nothing. */

import { randomBytes } from 'node:crypto';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '@headwater/service/clock';
import { State } from '../state/state.ts';
import type { Store } from '../state/store.ts';
import { type NewAccount, createAccount } from './accounts.ts';
import type { AuditEntry } from './audit-chain.ts';
import { type People, openPeople } from './people.ts';
import type { LoginResult } from './people-events.ts';
import { totpCode, totpStep } from './totp.ts';

/** No safety at all, and no time either. */
export const CHEAP = { memoryKib: 8, passes: 1 } as const;
export const START_MS = Date.UTC(2026, 10, 24, 12);

export interface TestPeople extends AsyncDisposable {
  readonly people: People;
  readonly clock: ManualClock;
  /** what was told, in order */
  readonly logins: LoginResult[];
  readonly audited: AuditEntry[];
  readonly troubles: unknown[];
  /** What was told after an answer is written, too. */
  settled(): Promise<void>;
  add(account: Partial<NewAccount> & { readonly name: string; readonly password: string }): Promise<void>;
}

interface TestPeopleOptions {
  readonly secretsKey?: string;
  readonly retention?: { readonly entries: number; readonly keepMs: number };
}

export async function openTestPeople(store: Store, options: TestPeopleOptions = {}): Promise<TestPeople> {
  const directory = await mkdtempDisposable(join(tmpdir(), 'headwater-people-'));
  const clock = new ManualClock(START_MS);
  const logins: LoginResult[] = [];
  const audited: AuditEntry[] = [];
  const troubles: unknown[] = [];
  const people = await openPeople({
    state: new State(store),
    clock,
    events: {
      login: (outcome) => logins.push(outcome),
      audited: (entry) => audited.push(entry),
      auditTrouble: (error) => troubles.push(error),
      sealingKeyDiffers: () => troubles.push('sealing key differs'),
    },
    secretsKey: options.secretsKey ?? randomBytes(16).toString('hex'),
    dataDir: directory.path,
    retention: options.retention ?? { entries: 1_000, keepMs: Infinity },
    hashCost: CHEAP,
  });
  return {
    people,
    clock,
    logins,
    audited,
    troubles,
    async settled() {
      await new Promise((resolve) => setImmediate(resolve));
      await people.audit.flush();
    },
    async add({ password, ...account }) {
      const passwordHash = (await people.hasher.hash(password)) ?? '';
      const rest = { role: 'operator', streams: null, mustChangePassword: false } as const;
      const outcome = await createAccount(
        people.store,
        { ...rest, ...account, passwordHash },
        { nowMs: clock.nowMs(), limit: 100 },
      );
      if (outcome !== 'created') throw new Error(outcome);
    },
    async [Symbol.asyncDispose]() {
      await people[Symbol.asyncDispose]();
      await directory.remove();
    },
  };
}

/** What an app shows for a secret in base32. */
export function codeAt(secret: string, nowMs: number): string {
  return totpCode(fromBase32(secret), totpStep(nowMs));
}

function fromBase32(text: string): Buffer {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = Array.from(text, (letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0')).join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

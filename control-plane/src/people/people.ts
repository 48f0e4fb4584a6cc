/** What the modules of people work with. */

import { type KeyObject, createSecretKey, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '@headwater/service/clock';
import { keptToken } from '../kept-token.ts';
import type { State } from '../state/state.ts';
import type { Store } from '../state/store.ts';
import { AuditLog, type Retention } from './audit-log.ts';
import { type HashCost, PasswordHasher } from './password-hash.ts';
import type { PeopleEvents } from './people-events.ts';
import { type SealingKey, sealingKeyOf } from './sealed-secret.ts';
import { Throttle } from './throttle.ts';

export interface People extends AsyncDisposable {
  readonly store: Store;
  readonly clock: Clock;
  readonly events: PeopleEvents;
  readonly hasher: PasswordHasher;
  readonly throttle: Throttle;
  readonly audit: AuditLog;
  /** seals the secrets of second factors; not in the store */
  readonly sealingKey: SealingKey;
  /** signs access tokens; the same at every replica */
  readonly accessKey: KeyObject;
}

interface PeopleOptions {
  readonly state: State;
  readonly clock: Clock;
  readonly events: PeopleEvents;
  /** null: made once and kept in the data directory */
  readonly secretsKey: string | null;
  readonly dataDir: string;
  readonly retention: Retention;
  readonly hashCost?: HashCost | undefined;
}

export async function openPeople(options: PeopleOptions): Promise<People> {
  const { state, clock, events, retention } = options;
  const { store } = state;
  const sealingKey = sealingKeyOf(options.secretsKey ?? keptToken(join(options.dataDir, 'secrets-key')));
  const known = await state.secret('sealing-key-id', () => sealingKey.id);
  if (known !== sealingKey.id) events.sealingKeyDiffers();
  const accessKey = await state.secret('access-token-key', () => randomBytes(32).toString('base64url'));
  const audit = new AuditLog({
    store,
    clock,
    retention,
    onKept: (entry) => events.audited(entry),
    onTrouble: (error) => events.auditTrouble(error),
  });
  return {
    store,
    clock,
    events,
    hasher: new PasswordHasher(options.hashCost),
    throttle: new Throttle(store, clock),
    audit,
    sealingKey,
    accessKey: createSecretKey(accessKey, 'base64url'),
    [Symbol.asyncDispose]: () => audit[Symbol.asyncDispose](),
  };
}

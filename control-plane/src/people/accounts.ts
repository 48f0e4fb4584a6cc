/** The people who have an account. */

import { randomBytes } from 'node:crypto';
import { changeDocument, readDocument } from '../state/change-document.ts';
import type { Change, Page, Store } from '../state/store.ts';
import type { StreamScope } from './principal.ts';
import type { Role } from './roles.ts';
import type { SecondFactor } from './second-factor.ts';
import { endSessions } from './sessions.ts';

export interface Account {
  readonly name: string;
  readonly role: Role;
  readonly streams: StreamScope;
  readonly passwordHash: string;
  /** it was given by somebody else */
  readonly mustChangePassword: boolean;
  readonly disabled: boolean;
  /** sessions of another epoch have ended; never the same twice, not even for an account that was made anew */
  readonly epoch: string;
  readonly createdAtMs: number;
  readonly lastLoginAtMs: number | null;
  readonly factor: SecondFactor | null;
  /** where the last log-ins came from, the newest last */
  readonly places: readonly string[];
}

export type NewAccount = Pick<Account, 'name' | 'role' | 'streams' | 'passwordHash' | 'mustChangePassword'>;

const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const PLACES = 20;

/** 1 to 63 of `a-z 0-9 _ -`, starting with a letter or digit. */
export function isAccountName(text: string): boolean {
  return NAME.test(text);
}

export async function createAccount(
  store: Store,
  made: NewAccount,
  { nowMs, limit }: { readonly nowMs: number; readonly limit: number },
): Promise<'created' | 'exists' | 'full'> {
  const rest = {
    disabled: false,
    epoch: newEpoch(),
    createdAtMs: nowMs,
    lastLoginAtMs: null,
    factor: null,
    places: [],
  };
  const account: Account = { ...made, ...rest };
  const changes = [{ collection: 'account', id: made.name, expect: 0, body: account } as const];
  const outcome = await store.commit({ changes, room: { collection: 'account', most: limit } });
  return outcome === 'done' ? 'created' : outcome === 'conflict' ? 'exists' : 'full';
}

export async function findAccount(store: Store, name: string): Promise<Account | null> {
  return isAccountName(name) ? readDocument<Account>(store, 'account', name) : null;
}

export async function listAccounts(store: Store, page: Page): Promise<readonly Account[]> {
  return (await store.list('account', page)).map(({ body }) => body as Account);
}

/** Null: there is no such account, or `change` left it. */
export async function changeAccount(
  store: Store,
  name: string,
  change: (account: Account) => Account | null,
  alongside: readonly Change[] = [],
): Promise<Account | null> {
  let after: Account | null = null;
  const before = await changeDocument<Account>(store, { collection: 'account', id: name }, (account) => {
    after = change(account);
    return after === null ? null : { body: after, alongside };
  });
  return before === null ? null : after;
}

/** Takes an account out, if it is as it is meant. Its sessions hold no more from then on. */
export async function deleteAccount(
  store: Store,
  name: string,
  isMeant: (account: Account) => boolean = () => true,
): Promise<boolean> {
  const gone = await changeDocument<Account>(store, { collection: 'account', id: name }, (account) =>
    isMeant(account) ? { body: undefined } : null,
  );
  if (gone !== null) await endSessions(store, name);
  return gone !== null;
}

/** The same account, all of whose sessions have ended. */
export function withoutSessions(account: Account): Account {
  return { ...account, epoch: newEpoch() };
}

/** The same account, logged in from a place. */
export function loggedInFrom(account: Account, place: string, nowMs: number): Account {
  const places = [...account.places.filter((known) => known !== place), place].slice(-PLACES);
  return { ...account, places, lastLoginAtMs: nowMs };
}

function newEpoch(): string {
  return randomBytes(6).toString('hex');
}

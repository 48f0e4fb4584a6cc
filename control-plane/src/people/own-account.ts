/** What people do with their own account. Whatever opens more is asked for again: the password, or the second factor. */

import type { ProblemCode } from '@headwater/protocol/problem';
import { type Account, changeAccount, findAccount, withoutSessions } from './accounts.ts';
import { codeProblem, isEnrolled } from './login.ts';
import type { People } from './people.ts';
import type { Person } from './principal.ts';
import { confirmFactor, judgeCode, makeFactor } from './second-factor.ts';
import { factorShown } from './sessions.ts';

export type Done<T = object> = ({ readonly ok: true } & T) | Undone;

interface Undone {
  readonly ok: false;
  readonly code: ProblemCode;
  readonly waitMs: number;
}

/** Shows the second factor again: what is sensitive is open for a while. */
export async function stepUp(people: People, { name, session }: Person, code: string): Promise<Done> {
  const { store, clock, sealingKey } = people;
  return proven(people, name, async () => {
    const nowMs = Math.floor(clock.nowMs());
    let problem: ProblemCode = 'second_factor_not_enrolled';
    const changed = await changeAccount(store, name, (account) => {
      if (account.factor === null || !isEnrolled(account)) return null;
      const verdict = judgeCode(account.factor, { owner: name, code, nowMs }, sealingKey);
      problem = codeProblem(verdict) ?? problem;
      return verdict.ok ? { ...account, factor: verdict.factor } : null;
    });
    if (changed === null) return undone(problem);
    await factorShown(store, { name, id: session }, nowMs);
    return { ok: true };
  });
}

/** A new password. Every session ends, this one too: whoever knew the old one is out. */
export async function changePassword(
  people: People,
  { name }: Person,
  { current, next }: { readonly current: string; readonly next: string },
): Promise<Done> {
  return withPassword(people, name, current, async (account) => {
    const hash = await people.hasher.hash(next);
    if (hash === null) return undone('login_busy');
    const changed = await changeAccount(people.store, name, (now) =>
      now.passwordHash === account.passwordHash
        ? { ...withoutSessions(now), passwordHash: hash, mustChangePassword: false }
        : null,
    );
    return changed === null ? undone('password_wrong') : { ok: true };
  });
}

/** Begins to enrol a second factor. It counts once {@link confirmSecondFactor} has seen a code of it. */
export async function enrolSecondFactor(
  people: People,
  { name }: Person,
  password: string,
): Promise<Done<{ readonly secret: string; readonly uri: string }>> {
  return withPassword(people, name, password, async () => {
    const { factor, secret, uri } = makeFactor(name, people.sealingKey);
    const changed = await changeAccount(people.store, name, (now) => (isEnrolled(now) ? null : { ...now, factor }));
    return changed === null ? undone('second_factor_enrolled') : { ok: true, secret, uri };
  });
}

/** Makes it count. The recovery codes are told here alone. */
export async function confirmSecondFactor(
  people: People,
  { name, session }: Person,
  code: string,
): Promise<Done<{ readonly recoveryCodes: readonly string[] }>> {
  const { store, clock, sealingKey } = people;
  return proven(people, name, async () => {
    const nowMs = Math.floor(clock.nowMs());
    let problem: ProblemCode = 'second_factor_not_enrolled';
    let recoveryCodes: readonly string[] = [];
    const changed = await changeAccount(store, name, (account) => {
      if (account.factor === null) return null;
      if (isEnrolled(account)) return refuse('second_factor_enrolled');
      const confirmed = confirmFactor(account.factor, { owner: name, code, nowMs }, sealingKey);
      if (confirmed === null) return refuse('second_factor_wrong');
      recoveryCodes = confirmed.recoveryCodes;
      return { ...account, factor: confirmed.factor };
    });
    function refuse(code: ProblemCode): null {
      problem = code;
      return null;
    }
    if (changed === null) return undone(problem);
    await factorShown(store, { name, id: session }, nowMs);
    return { ok: true, recoveryCodes };
  });
}

/** Takes the second factor off again, with the password; the caller has seen to it that a code was shown a moment ago. */
export async function dropSecondFactor(people: People, { name }: Person, password: string): Promise<Done> {
  return withPassword(people, name, password, async () => {
    const changed = await changeAccount(people.store, name, (now) =>
      now.factor === null ? null : { ...now, factor: null },
    );
    return changed === null ? undone('second_factor_not_enrolled') : { ok: true };
  });
}

async function withPassword<T>(
  people: People,
  name: string,
  password: string,
  work: (account: Account) => Promise<Done<T>>,
): Promise<Done<T>> {
  return proven(people, name, async () => {
    const account = await findAccount(people.store, name);
    const isRight = await people.hasher.verify(password, account?.passwordHash ?? null);
    if (isRight === 'busy') return undone('login_busy');
    return isRight && account !== null ? work(account) : undone('password_wrong');
  });
}

/** Who has a stolen session may not guess without end. */
async function proven<T>(people: People, name: string, work: () => Promise<Done<T>>): Promise<Done<T>> {
  const subject = { kind: 'proof', name } as const;
  const charge = await people.throttle.charge(subject);
  if (!charge.ok) return { ok: false, code: 'login_throttled', waitMs: charge.waitMs };
  const done = await work();
  if (done.ok) await people.throttle.forget(subject);
  else if (!GUESSED.has(done.code)) await people.throttle.refund(subject);
  return done;
}

const GUESSED: ReadonlySet<ProblemCode> = new Set(['password_wrong', 'second_factor_wrong']);

function undone(code: ProblemCode): Undone {
  return { ok: false, code, waitMs: 0 };
}

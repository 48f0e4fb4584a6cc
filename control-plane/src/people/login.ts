/** The life of a log-in: every way that it can end. */

import { customerOf } from '@headwater/protocol/address-cap';
import type { ProblemCode } from '@headwater/protocol/problem';
import { ACCESS_SECONDS, mintAccessToken } from './access-token.ts';
import { type Account, changeAccount, findAccount, loggedInFrom } from './accounts.ts';
import type { Actor, Alert } from './audit-chain.ts';
import type { People } from './people.ts';
import { placeOf } from './place.ts';
import { type CodeVerdict, judgeCode } from './second-factor.ts';
import { type Session, endSession, makeSession, refreshSession, trimSessions } from './sessions.ts';
import { type Subject, isAlarming } from './throttle.ts';

/** Whence a request comes. */
export interface Origin {
  readonly address: string;
  readonly requestId: string;
}

export interface LoginAttempt extends Origin {
  readonly name: string;
  readonly password: string;
  /** of the second factor, or a recovery code */
  readonly code: string | null;
}

/** What a person's programs carry. */
export interface Tokens {
  readonly accessToken: string;
  readonly expiresAtMs: number;
  readonly refreshToken: string;
  readonly account: Account;
}

export type LoginOutcome =
  | { readonly ok: true; readonly tokens: Tokens }
  | { readonly ok: false; readonly code: ProblemCode; readonly waitMs: number };

const BUSY_MS = 1_000;

/** Opens a session. An account that is not there, or is disabled, is refused as a wrong password is, and takes as long. */
export async function logIn(people: People, attempt: LoginAttempt): Promise<LoginOutcome> {
  const { store, throttle, hasher, events } = people;
  const account = await findAccount(store, attempt.name);
  const subjects = subjectsOf(attempt, account);
  const charged = await chargeAll(people, subjects);
  if (!charged.ok) {
    events.login('throttled');
    return refused('login_throttled', charged.waitMs);
  }
  const isRight = await hasher.verify(attempt.password, account?.passwordHash ?? null);
  if (isRight === 'busy') {
    for (const subject of subjects) await throttle.refund(subject);
    events.login('busy');
    return refused('login_busy', BUSY_MS);
  }
  const failed = async (code: ProblemCode): Promise<LoginOutcome> => {
    events.login('refused');
    const alert = charged.isAlarming ? 'many_failures' : null;
    // After the answer: for an account there is more to write, and nobody shall see that by the time it takes.
    const isTold = account !== null || charged.isAlarming;
    if (isTold) setImmediate(() => void note(people, attempt, { who: nobody(account), outcome: code, alert }));
    return refused(code);
  };
  if (!isRight || account === null || account.disabled) return failed('login_refused');
  const [source, subject] = subjects;
  if (isEnrolled(account) && attempt.code === null) {
    // That is how every log-in with a code begins: whoever shares the address must not pay for it.
    await throttle.refund(source);
    return failed('second_factor_missing');
  }
  const opened = await open(people, attempt, account);
  if (!opened.ok) return failed(opened.code);
  await throttle.refund(source);
  await throttle.forget(subject);
  events.login('ok');
  const { session } = opened;
  const isNewPlace = account.places.length > 0 && !account.places.includes(placeOf(attempt.address));
  await note(people, attempt, {
    who: actorOf(account, session),
    outcome: 'done',
    alert: isNewPlace ? 'new_place' : null,
  });
  return { ok: true, tokens: tokensOf(people, opened) };
}

/** Takes a refresh token for new tokens. One that was used before ends its session: somebody else has it, too. */
export async function refresh(people: People, refreshToken: string, origin: Origin): Promise<LoginOutcome> {
  const { store, clock } = people;
  const refreshed = await refreshSession(store, refreshToken, Math.floor(clock.nowMs()));
  if (!refreshed.ok) {
    if (refreshed.why !== 'reused') return refused('refresh_token_unknown');
    const account = await findAccount(store, refreshed.session.name);
    const who = account === null ? nobody(null) : actorOf(account, refreshed.session);
    await note(people, origin, { who, action: 'refresh', outcome: 'refresh_token_reused', alert: 'refresh_reused' });
    return refused('refresh_token_reused');
  }
  const account = await findAccount(store, refreshed.session.name);
  if (account === null || !holds(refreshed.session, account)) {
    await endSession(store, refreshed.session);
    return refused('refresh_token_unknown');
  }
  return { ok: true, tokens: tokensOf(people, { account, ...refreshed }) };
}

/** Whether a session still speaks for its account. */
export function holds(session: Session, account: Account): boolean {
  return !account.disabled && session.epoch === account.epoch;
}

/** Whether a second factor counts for the account. */
export function isEnrolled({ factor }: Account): boolean {
  return factor !== null && factor.confirmedAtMs !== null;
}

/** The problem that a code was; null: it was right. */
export function codeProblem(verdict: CodeVerdict): ProblemCode | null {
  if (verdict.ok) return null;
  return verdict.why === 'wrong' ? 'second_factor_wrong' : 'second_factor_unreadable';
}

interface Opened {
  readonly account: Account;
  readonly session: Session;
  readonly refreshToken: string;
}

/** The code is used up, the place noted and the session there, or nothing of it. */
async function open(
  { store, clock, sealingKey }: People,
  { code, address }: LoginAttempt,
  account: Account,
): Promise<({ readonly ok: true } & Opened) | { readonly ok: false; readonly code: ProblemCode }> {
  const { name, epoch } = account;
  const nowMs = Math.floor(clock.nowMs());
  const factorAtMs = isEnrolled(account) ? nowMs : null;
  const made = makeSession({ name, epoch, openedAtMs: nowMs, factorAtMs, address });
  let problem: ProblemCode | null = 'login_refused';
  const change = (now: Account): Account | null => {
    // Between the password and here it may have been changed, or the account disabled.
    if (now.disabled || now.epoch !== epoch) return null;
    const placed = loggedInFrom(now, placeOf(address), nowMs);
    if (now.factor === null || !isEnrolled(now)) return placed;
    const verdict = judgeCode(now.factor, { owner: name, code: code ?? '', nowMs }, sealingKey);
    problem = codeProblem(verdict);
    return verdict.ok ? { ...placed, factor: verdict.factor } : null;
  };
  const opened = await changeAccount(store, name, change, [made.change]);
  if (opened === null) return { ok: false, code: problem };
  await trimSessions(store, opened, nowMs);
  return { ok: true, account: opened, ...made };
}

function tokensOf({ clock, accessKey }: People, { account, session, refreshToken }: Opened): Tokens {
  const expiresS = Math.floor(clock.nowMs() / 1000) + ACCESS_SECONDS;
  const accessToken = mintAccessToken({ name: account.name, session: session.id, expiresS }, accessKey);
  return { accessToken, expiresAtMs: expiresS * 1000, refreshToken, account };
}

/** The source first. Where the account was seen before, failures from elsewhere do not stand in its owner's way. */
function subjectsOf({ name, address }: LoginAttempt, account: Account | null): readonly [Subject, Subject] {
  const place = placeOf(address);
  const isAtHome = account?.places.includes(place) === true;
  return [
    { kind: 'source', name: customerOf(address) },
    // Written so that nothing typed as a name is another name at a place.
    { kind: 'account', name: JSON.stringify(isAtHome ? [name, place] : [name]) },
  ];
}

async function chargeAll(
  { throttle }: People,
  subjects: readonly Subject[],
): Promise<{ readonly ok: true; readonly isAlarming: boolean } | { readonly ok: false; readonly waitMs: number }> {
  let isAlarmingNow = false;
  for (const subject of subjects) {
    const charge = await throttle.charge(subject);
    if (!charge.ok) return charge;
    isAlarmingNow ||= isAlarming(subject.kind, charge.failures);
  }
  return { ok: true, isAlarming: isAlarmingNow };
}

interface Noted {
  readonly who: Actor;
  readonly action?: string;
  readonly outcome: string;
  readonly alert: Alert | null;
}

async function note(
  { audit, clock }: People,
  { address, requestId }: Origin,
  { who, action = 'login', outcome, alert }: Noted,
): Promise<void> {
  const atMs = Math.floor(clock.nowMs());
  await audit.append({ atMs, who, action, target: who.name, outcome, address, requestId, alert, facts: {} });
}

function actorOf({ name, role }: Account, session: Session): Actor {
  return { kind: 'person', name, role, via: session.id };
}

/** What was typed where no account is may be a password, so it is not told. */
function nobody(account: Account | null): Actor {
  return { kind: 'nobody', name: account?.name ?? 'unknown', role: account?.role ?? null, via: null };
}

function refused(code: ProblemCode, waitMs = 0): LoginOutcome {
  return { ok: false, code, waitMs };
}

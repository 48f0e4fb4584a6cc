/** Log-ins, sessions, second factors and keys over every store, attacks included. */

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { STORES } from '../state/test-stores.ts';
import { type Account, changeAccount, deleteAccount, findAccount, withoutSessions } from './accounts.ts';
import { createApiKey, deleteApiKey, listApiKeys } from './api-keys.ts';
import { authenticate } from './authenticate.ts';
import { type LoginAttempt, type LoginOutcome, type Tokens, logIn, refresh } from './login.ts';
import { changePassword, confirmSecondFactor, dropSecondFactor, enrolSecondFactor, stepUp } from './own-account.ts';
import { type Person, ROOT } from './principal.ts';
import { listSessions } from './sessions.ts';
import { type TestPeople, codeAt, openTestPeople } from './test-people.ts';

const LOG_LIMIT = 50;
const ADMIN = 'the-admin-token';
const PASSWORD = 'correct horse battery';
const HOME = '203.0.113.7';
const AWAY = '198.51.100.9';

function attempt(change: Partial<LoginAttempt> = {}): LoginAttempt {
  return { name: 'anna', password: PASSWORD, code: null, address: HOME, requestId: 'r', ...change };
}

async function enter(rig: TestPeople, change: Partial<LoginAttempt> = {}): Promise<Tokens> {
  const outcome = await logIn(rig.people, attempt(change));
  assert.ok(outcome.ok, JSON.stringify(outcome));
  return outcome.tokens;
}

function codeOf(outcome: LoginOutcome | { readonly ok: boolean; readonly code?: string }): string {
  return outcome.ok ? 'ok' : (outcome as { code: string }).code;
}

async function personOf(rig: TestPeople, { accessToken }: Pick<Tokens, 'accessToken'>): Promise<Person> {
  const principal = await authenticate(rig.people, accessToken, ADMIN);
  assert.ok(typeof principal === 'object' && principal.kind === 'person', JSON.stringify(principal));
  return principal;
}

/** Enrols a second factor; returns its secret, and the recovery codes. */
async function enrol(rig: TestPeople, person: Person): Promise<{ secret: string; recoveryCodes: readonly string[] }> {
  const begun = await enrolSecondFactor(rig.people, person, PASSWORD);
  assert.ok(begun.ok);
  const confirmed = await confirmSecondFactor(rig.people, person, codeAt(begun.secret, rig.clock.nowMs()));
  assert.ok(confirmed.ok);
  return { secret: begun.secret, recoveryCodes: confirmed.recoveryCodes };
}

for (const [name, makePlace] of STORES) {
  const open = async (): Promise<{ rig: TestPeople } & AsyncDisposable> => {
    const place = await makePlace(LOG_LIMIT);
    const rig = await openTestPeople(await place.reopen());
    return {
      rig,
      async [Symbol.asyncDispose]() {
        await rig[Symbol.asyncDispose]();
        await place[Symbol.asyncDispose]();
      },
    };
  };

  suite(`people in the ${name} store`, () => {
    test('a log-in opens a session for ten minutes at a time, until it is not refreshed for a day', async () => {
      await using held = await open();
      const { rig } = held;
      await rig.add({ name: 'anna', password: PASSWORD, role: 'publisher', streams: ['show'] });
      const tokens = await enter(rig);
      const { session, ...person } = await personOf(rig, tokens);
      const standing = {
        name: 'anna',
        role: 'publisher',
        streams: ['show'],
        factorAtMs: null,
        mustChangePassword: false,
      };
      assert.deepEqual(person, { kind: 'person', ...standing });
      assert.equal((await listSessions(rig.people.store, 'anna', rig.clock.nowMs()))[0]?.id, session);
      rig.clock.advance(600_000);
      assert.equal(await authenticate(rig.people, tokens.accessToken, ADMIN), 'access_token_expired');
      const next = await refresh(rig.people, tokens.refreshToken, attempt());
      assert.ok(next.ok);
      assert.equal((await personOf(rig, next.tokens)).session, session);
      rig.clock.advance(24 * 3_600_000);
      assert.equal(codeOf(await refresh(rig.people, next.tokens.refreshToken, attempt())), 'refresh_token_unknown');
    });

    test('a session ends after seven days, however often it is refreshed', async () => {
      await using held = await open();
      const { rig } = held;
      await rig.add({ name: 'anna', password: PASSWORD });
      let { refreshToken } = await enter(rig);
      let days = 0;
      for (; days < 20; days += 0.5) {
        rig.clock.advance(12 * 3_600_000);
        const next = await refresh(rig.people, refreshToken, attempt());
        if (!next.ok) break;
        refreshToken = next.tokens.refreshToken;
      }
      assert.equal(days, 6.5);
    });

    test('a refresh token that is used twice ends the session for both, and raises an alert', async () => {
      await using held = await open();
      const { rig } = held;
      await rig.add({ name: 'anna', password: PASSWORD });
      const stolen = await enter(rig);
      const next = await refresh(rig.people, stolen.refreshToken, attempt());
      assert.ok(next.ok);
      await personOf(rig, next.tokens);
      assert.equal(
        codeOf(await refresh(rig.people, stolen.refreshToken, attempt({ address: AWAY }))),
        'refresh_token_reused',
      );
      assert.equal(await authenticate(rig.people, next.tokens.accessToken, ADMIN), 'access_token_expired');
      assert.equal(codeOf(await refresh(rig.people, next.tokens.refreshToken, attempt())), 'refresh_token_unknown');
      const { action, alert, address, who } = rig.audited.at(-1) ?? assert.fail();
      assert.deepEqual([action, alert, address, who.name], ['refresh', 'refresh_reused', AWAY, 'anna']);
    });

    test('of the same refresh token twice at once one is a thief’s', async () => {
      await using held = await open();
      const { rig } = held;
      await rig.add({ name: 'anna', password: PASSWORD });
      const { refreshToken } = await enter(rig);
      const both = await Promise.all([1, 2].map(() => refresh(rig.people, refreshToken, attempt())));
      assert.deepEqual(both.map(codeOf).toSorted(), ['ok', 'refresh_token_reused']);
      assert.deepEqual(await listSessions(rig.people.store, 'anna', rig.clock.nowMs()), []);
    });

    test('a guessed refresh token ends nobody’s session', async () => {
      await using held = await open();
      const { rig } = held;
      await rig.add({ name: 'anna', password: PASSWORD });
      const { refreshToken } = await enter(rig);
      const [id = ''] = (await listSessions(rig.people.store, 'anna', rig.clock.nowMs())).map((session) => session.id);
      for (const guess of [
        `hwr_anna.${id}.${'A'.repeat(32)}`,
        `hwr_anna.${'A'.repeat(22)}.${'A'.repeat(32)}`,
        'hwr_',
        '',
      ])
        assert.equal(codeOf(await refresh(rig.people, guess, attempt())), 'refresh_token_unknown');
      assert.equal(codeOf(await refresh(rig.people, refreshToken, attempt())), 'ok');
    });

    test('wrong names, wrong passwords and disabled accounts are refused alike, each by a hash', async () => {
      await using held = await open();
      const { rig } = held;
      await rig.add({ name: 'anna', password: PASSWORD });
      await rig.add({ name: 'bert', password: PASSWORD });
      await changeAccount(rig.people.store, 'bert', (account) => ({ ...account, disabled: true }));
      let hashes = 0;
      const { hasher } = rig.people;
      const people = {
        ...rig.people,
        hasher: Object.assign(Object.create(hasher) as typeof hasher, {
          verify: (...given: Parameters<typeof hasher.verify>) => {
            hashes += 1;
            return hasher.verify(...given);
          },
        }),
      };
      for (const change of [{ name: 'nobody' }, { name: 'Not A Name' }, { password: 'wrong' }, { name: 'bert' }]) {
        const refusal = await logIn(people, attempt(change));
        assert.deepEqual(refusal, { ok: false, code: 'login_refused', waitMs: 0 });
      }
      assert.equal(hashes, 4);
      await rig.settled();
      const told = rig.audited.map(({ who, outcome }) => `${who.kind} ${who.name} ${outcome}`);
      const at = (who: string): string => `nobody ${who} login_refused`;
      assert.deepEqual(told, [at('anna'), at('bert')], 'what was typed where no account is may be a password');
    });

    test('an account that is disabled, or has another password, while the old one is looked at opens nothing', async () => {
      await using held = await open();
      const { rig } = held;
      const changes = [
        (account: Account): Account => withoutSessions(account),
        (account: Account): Account => ({ ...account, disabled: true }),
      ];
      await rig.add({ name: 'anna', password: PASSWORD });
      for (const change of changes) {
        const { hasher } = rig.people;
        const slow = Object.assign(Object.create(hasher) as typeof hasher, {
          async verify(...given: Parameters<typeof hasher.verify>) {
            const isRight = await hasher.verify(...given);
            await changeAccount(rig.people.store, 'anna', change);
            return isRight;
          },
        });
        assert.equal(codeOf(await logIn({ ...rig.people, hasher: slow }, attempt())), 'login_refused');
      }
      assert.equal(await rig.people.store.count('session'), 0);
    });

    test('who is turned away because too many log in has lost no attempt', async () => {
      await using held = await open();
      const { rig } = held;
      await rig.add({ name: 'anna', password: PASSWORD });
      const { hasher } = rig.people;
      const busy = Object.assign(Object.create(hasher) as typeof hasher, { verify: async () => 'busy' });
      for (let n = 0; n < 30; n += 1) {
        const refusal = await logIn({ ...rig.people, hasher: busy }, attempt());
        assert.deepEqual(refusal, { ok: false, code: 'login_busy', waitMs: 1_000 });
      }
      assert.equal(codeOf(await logIn(rig.people, attempt())), 'ok');
    });

    test('brute force gets five guesses, then one for each delay; an unknown name is delayed alike', async () => {
      await using held = await open();
      const { rig } = held;
      await rig.add({ name: 'anna', password: PASSWORD });
      for (const victim of ['anna', 'nobody']) {
        const outcomes: string[] = [];
        for (let n = 0; n < 100; n += 1) {
          const guess = attempt({ name: victim, password: `guess ${n}`, address: `198.51.${n}.1` });
          outcomes.push(codeOf(await logIn(rig.people, guess)));
        }
        assert.deepEqual(outcomes.slice(0, 6), [...Array<string>(5).fill('login_refused'), 'login_throttled']);
        assert.equal(outcomes.filter((outcome) => outcome === 'login_refused').length, 5);
      }
      assert.equal(codeOf(await logIn(rig.people, attempt())), 'login_throttled', 'the right password, too');
      await rig.settled();
      const alerts = rig.audited.filter(({ alert }) => alert === 'many_failures');
      assert.deepEqual(
        alerts.map(({ who }) => who.name),
        ['anna', 'unknown'],
      );
      rig.clock.advance(1_000);
      assert.equal(codeOf(await logIn(rig.people, attempt())), 'ok');
      assert.equal(codeOf(await logIn(rig.people, attempt())), 'ok', 'and all is forgotten');
    });

    test('an attacker from elsewhere does not keep people out where they were before', async () => {
      await using held = await open();
      const { rig } = held;
      await rig.add({ name: 'anna', password: PASSWORD });
      await enter(rig);
      for (let n = 0; n < 30; n += 1) await logIn(rig.people, attempt({ password: 'guess', address: `198.51.${n}.1` }));
      const forged = ['anna at 203.0.113.0/24', JSON.stringify(['anna', '203.0.113.0/24'])];
      for (const name of forged)
        for (let n = 0; n < 30; n += 1) await logIn(rig.people, attempt({ name, address: `198.51.${n}.1` }));
      assert.equal(codeOf(await logIn(rig.people, attempt({ address: AWAY }))), 'login_throttled');
      assert.equal(codeOf(await logIn(rig.people, attempt())), 'ok');
    });

    test('one source that tries many names is delayed; its own good log-ins buy it nothing', async () => {
      await using held = await open();
      const { rig } = held;
      await rig.add({ name: 'mallory', password: PASSWORD });
      let guesses = 0;
      for (let n = 0; n < 60; n += 1) {
        if (codeOf(await logIn(rig.people, attempt({ name: `n${n}`, address: AWAY }))) === 'login_refused')
          guesses += 1;
        await logIn(rig.people, attempt({ name: 'mallory', address: AWAY }));
      }
      assert.equal(guesses, 20);
      assert.equal(codeOf(await logIn(rig.people, attempt({ name: 'mallory', address: HOME }))), 'ok');
    });

    test('whose password is right and who is then asked for the code has failed at nothing', async () => {
      await using held = await open();
      const { rig } = held;
      const { people, clock } = rig;
      await rig.add({ name: 'anna', password: PASSWORD });
      const { secret } = await enrol(rig, await personOf(rig, await enter(rig)));
      for (let n = 0; n < 40; n += 1) {
        clock.advance(30_000);
        assert.equal(codeOf(await logIn(people, attempt())), 'second_factor_missing', `log-in ${n}`);
        await enter(rig, { code: codeAt(secret, clock.nowMs()) });
      }
      for (let n = 0; n < 5; n += 1)
        assert.equal(codeOf(await logIn(people, attempt({ code: '000000' }))), 'second_factor_wrong');
      assert.equal(codeOf(await logIn(people, attempt())), 'login_throttled', 'guessed codes count');
    });

    test('a log-in from a new place raises an alert, the first of all does not', async () => {
      await using held = await open();
      const { rig } = held;
      await rig.add({ name: 'anna', password: PASSWORD });
      for (const address of [HOME, '203.0.113.99', AWAY, AWAY, HOME]) await enter(rig, { address });
      assert.deepEqual(
        rig.audited.map(({ alert }) => alert),
        [null, null, 'new_place', null, null],
      );
    });

    test('a second factor is enrolled with the password, asked for at log-in, and opens once', async () => {
      await using held = await open();
      const { rig } = held;
      const { people, clock } = rig;
      await rig.add({ name: 'anna', password: PASSWORD });
      const person = await personOf(rig, await enter(rig));
      assert.equal(codeOf(await enrolSecondFactor(people, person, 'wrong')), 'password_wrong');
      assert.equal(codeOf(await confirmSecondFactor(people, person, '123456')), 'second_factor_not_enrolled');
      const begun = await enrolSecondFactor(people, person, PASSWORD);
      assert.ok(begun.ok);
      assert.equal(codeOf(await logIn(people, attempt())), 'ok', 'it does not count yet');
      assert.equal(
        codeOf(await stepUp(people, person, codeAt(begun.secret, clock.nowMs()))),
        'second_factor_not_enrolled',
      );
      assert.equal(codeOf(await confirmSecondFactor(people, person, '000000')), 'second_factor_wrong');
      const confirmed = await confirmSecondFactor(people, person, codeAt(begun.secret, clock.nowMs()));
      assert.ok(confirmed.ok);
      assert.equal(confirmed.recoveryCodes.length, 10);
      assert.equal(codeOf(await enrolSecondFactor(people, person, PASSWORD)), 'second_factor_enrolled');
      const stored = JSON.stringify(await findAccount(people.store, 'anna'));
      assert.ok(![begun.secret, ...confirmed.recoveryCodes].some((secret) => stored.includes(secret)));

      assert.equal(codeOf(await logIn(people, attempt())), 'second_factor_missing');
      const replayed = attempt({ code: codeAt(begun.secret, clock.nowMs()) });
      assert.equal(codeOf(await logIn(people, replayed)), 'second_factor_wrong', 'the code that confirmed');
      clock.advance(30_000);
      const good = attempt({ code: codeAt(begun.secret, clock.nowMs()) });
      assert.equal(codeOf(await logIn(people, good)), 'ok');
      assert.equal(codeOf(await logIn(people, good)), 'second_factor_wrong');
    });

    test('one code at once opens one session', async () => {
      await using held = await open();
      const { rig } = held;
      await rig.add({ name: 'anna', password: PASSWORD });
      const { secret } = await enrol(rig, await personOf(rig, await enter(rig)));
      rig.clock.advance(60_000);
      const good = attempt({ code: codeAt(secret, rig.clock.nowMs()) });
      const outcomes = await Promise.all([1, 2, 3].map(() => logIn(rig.people, good)));
      assert.deepEqual(outcomes.map(codeOf).toSorted(), ['ok', 'second_factor_wrong', 'second_factor_wrong']);
    });

    test('a recovery code opens once', async () => {
      await using held = await open();
      const { rig } = held;
      await rig.add({ name: 'anna', password: PASSWORD });
      const { recoveryCodes } = await enrol(rig, await personOf(rig, await enter(rig)));
      const [first = '', second = ''] = recoveryCodes;
      assert.equal(codeOf(await logIn(rig.people, attempt({ code: first.toUpperCase() }))), 'ok');
      assert.equal(codeOf(await logIn(rig.people, attempt({ code: first }))), 'second_factor_wrong');
      assert.equal(codeOf(await logIn(rig.people, attempt({ code: second }))), 'ok');
    });

    test('stepping up is fresh from a moment ago, wants a new code, and cannot be guessed without end', async () => {
      await using held = await open();
      const { rig } = held;
      const { people, clock } = rig;
      await rig.add({ name: 'anna', password: PASSWORD });
      const tokens = await enter(rig);
      const { secret } = await enrol(rig, await personOf(rig, tokens));
      assert.equal((await personOf(rig, tokens)).factorAtMs, clock.nowMs());
      clock.advance(90_000);
      const person = await personOf(rig, tokens);
      const code = codeAt(secret, clock.nowMs());
      assert.equal(codeOf(await stepUp(people, person, code)), 'ok');
      assert.equal((await personOf(rig, tokens)).factorAtMs, clock.nowMs());
      assert.equal(codeOf(await stepUp(people, person, code)), 'second_factor_wrong');
      const guesses = [];
      for (let n = 0; n < 50; n += 1) guesses.push(codeOf(await stepUp(people, person, String(n).padStart(6, '0'))));
      assert.equal(guesses.filter((guess) => guess === 'second_factor_wrong').length, 4);
      assert.equal(guesses.at(-1), 'login_throttled');
    });

    test('a changed password, a disabled and a deleted account end every session, also when made anew', async () => {
      await using held = await open();
      const { rig } = held;
      const { people } = rig;
      const next = 'another long password';
      await rig.add({ name: 'anna', password: PASSWORD, mustChangePassword: true });
      const tokens = await enter(rig);
      const person = await personOf(rig, tokens);
      assert.equal(person.mustChangePassword, true);
      assert.equal(codeOf(await changePassword(people, person, { current: 'wrong', next })), 'password_wrong');
      assert.equal(codeOf(await changePassword(people, person, { current: PASSWORD, next })), 'ok');
      assert.equal(await authenticate(people, tokens.accessToken, ADMIN), 'access_token_expired');
      assert.equal(codeOf(await refresh(people, tokens.refreshToken, attempt())), 'refresh_token_unknown');
      const again = await enter(rig, { password: next });
      assert.equal((await personOf(rig, again)).mustChangePassword, false);
      await changeAccount(people.store, 'anna', (account) => ({ ...account, disabled: true }));
      assert.equal(await authenticate(people, again.accessToken, ADMIN), 'access_token_expired');
      await changeAccount(people.store, 'anna', (account) => ({ ...account, disabled: false }));
      await personOf(rig, again);
      await deleteAccount(people.store, 'anna');
      assert.equal(await people.store.count('session'), 0);
      await rig.add({ name: 'anna', password: PASSWORD, role: 'admin' });
      assert.equal(await authenticate(people, again.accessToken, ADMIN), 'access_token_expired');
      assert.equal(codeOf(await refresh(people, again.refreshToken, attempt())), 'refresh_token_unknown');
    });

    test('a second factor is taken off with the password, and a role changes at once', async () => {
      await using held = await open();
      const { rig } = held;
      await rig.add({ name: 'anna', password: PASSWORD });
      const tokens = await enter(rig);
      const person = await personOf(rig, tokens);
      await enrol(rig, person);
      assert.equal(codeOf(await dropSecondFactor(rig.people, person, 'wrong')), 'password_wrong');
      assert.equal(codeOf(await dropSecondFactor(rig.people, person, PASSWORD)), 'ok');
      assert.equal(codeOf(await dropSecondFactor(rig.people, person, PASSWORD)), 'second_factor_not_enrolled');
      assert.equal(codeOf(await logIn(rig.people, attempt())), 'ok');
      await changeAccount(rig.people.store, 'anna', (account) => ({ ...account, role: 'viewer-issuer' }));
      assert.equal((await personOf(rig, tokens)).role, 'viewer-issuer');
    });

    test('an account has twenty sessions at most: those unused the longest end', async () => {
      await using held = await open();
      const { rig } = held;
      await rig.add({ name: 'ann', password: PASSWORD });
      await rig.add({ name: 'anna', password: PASSWORD });
      await enter(rig, { name: 'ann' });
      const first = await enter(rig);
      for (let n = 0; n < 20; n += 1) {
        rig.clock.advance(1_000);
        await enter(rig);
      }
      assert.equal((await listSessions(rig.people.store, 'anna', rig.clock.nowMs())).length, 20);
      assert.equal(await rig.people.store.count('session'), 21);
      assert.equal(await authenticate(rig.people, first.accessToken, ADMIN), 'access_token_expired');
    });

    test('an API key is shown once, kept as a hash, ends, and is noted when it is used', async () => {
      await using held = await open();
      const { rig } = held;
      const { people, clock } = rig;
      const order = { label: 'ci', role: 'publisher', streams: ['show'], sensitive: false, createdBy: 'anna' } as const;
      const times = { createdAtMs: clock.nowMs(), expiresAtMs: clock.nowMs() + 120_000 };
      const made = await createApiKey(people.store, { ...order, ...times }, 2);
      assert.ok(made !== 'full');
      const { secret, key } = made;
      assert.ok(!JSON.stringify(await listApiKeys(people.store, {})).includes(secret.slice(-32)));
      const program = { kind: 'key', id: key.id, name: 'ci', role: 'publisher', streams: ['show'], sensitive: false };
      assert.deepEqual(await authenticate(people, secret, ADMIN), program);
      const usedAtMs = clock.nowMs();
      clock.advance(59_000);
      await authenticate(people, secret, ADMIN);
      assert.equal((await listApiKeys(people.store, {}))[0]?.usedAtMs, usedAtMs);
      clock.advance(1_000);
      await authenticate(people, secret, ADMIN);
      assert.equal((await listApiKeys(people.store, {}))[0]?.usedAtMs, usedAtMs + 60_000);
      clock.advance(60_000);
      assert.equal(await authenticate(people, secret, ADMIN), 'api_key_expired');
      const forged = `hwk_${key.id}_${'A'.repeat(32)}`;
      for (const bearer of [forged, 'hwk_', `${secret}x`])
        assert.equal(await authenticate(people, bearer, ADMIN), 'api_key_unknown');
      const endless = { ...order, createdAtMs: 0, expiresAtMs: null };
      assert.notEqual(await createApiKey(people.store, endless, 2), 'full');
      assert.equal(await createApiKey(people.store, endless, 2), 'full');
      assert.equal(await deleteApiKey(people.store, key.id), true);
      assert.equal(await deleteApiKey(people.store, key.id), false);
      assert.equal(await authenticate(people, secret, ADMIN), 'api_key_unknown');
    });

    test('the admin token is root; an access token of another making is nobody’s', async () => {
      await using held = await open();
      const { rig } = held;
      await rig.add({ name: 'anna', password: PASSWORD });
      const { accessToken } = await enter(rig);
      assert.deepEqual(await authenticate(rig.people, ADMIN, ADMIN), ROOT);
      const parts = accessToken.split('.');
      const altered = [
        accessToken.replace('hwa_anna', 'hwa_bert'),
        [parts[0], parts[1], 'zzzzzzzz', parts[3]].join('.'),
        `${accessToken.slice(0, -1)}${accessToken.endsWith('A') ? 'B' : 'A'}`,
        '',
        'hwa_',
        'Bearer',
      ];
      for (const bearer of altered) assert.equal(await authenticate(rig.people, bearer, ADMIN), 'unauthorized', bearer);
    });
  });
}

test('a replica with another key for secrets says so, and opens nothing by a second factor', async () => {
  const [, makePlace] = STORES[0] as (typeof STORES)[number];
  await using place = await makePlace(LOG_LIMIT);
  const store = await place.reopen();
  await using one = await openTestPeople(store, { secretsKey: 'a'.repeat(32) });
  await using two = await openTestPeople(store, { secretsKey: 'b'.repeat(32) });
  assert.deepEqual([one.troubles, two.troubles], [[], ['sealing key differs']]);
  await one.add({ name: 'anna', password: PASSWORD });
  const { secret } = await enrol(one, await personOf(one, await enter(one)));
  two.clock.advance(60_000);
  const code = codeAt(secret, two.clock.nowMs());
  assert.equal(codeOf(await logIn(two.people, attempt({ code }))), 'second_factor_unreadable');
});

/** /v1/me: one's own account, second factor and sessions. */

import type { ProblemCode } from '@headwater/protocol/problem';
import { problemResponse } from '@headwater/service/problem-response';
import { z } from 'zod';
import { type ApiContext, type Route, route } from '../api/operation.ts';
import { findAccount } from '../people/accounts.ts';
import {
  type Done,
  changePassword,
  confirmSecondFactor,
  dropSecondFactor,
  enrolSecondFactor,
  stepUp,
} from '../people/own-account.ts';
import { isSamePassword } from '../people/password-hash.ts';
import { FRESH_MS, type Person } from '../people/principal.ts';
import { type Session, endSession, listSessions } from '../people/sessions.ts';
import { CODE, PASSWORD, SHOWN_PASSWORD, USER, describeUser } from '../people-schema.ts';
import type { Services } from '../services.ts';
import { retryAfter } from './login.ts';

const LOGIN_SESSION = z
  .strictObject({
    id: z.string(),
    current: z.boolean().describe('the one that asks'),
    openedAt: z.iso.datetime(),
    usedAt: z.iso.datetime().describe('when it was refreshed last'),
    address: z.string().describe('where it was opened from'),
  })
  .meta({ id: 'LoginSession' });

/** Else who gave it would go on knowing it. */
const CHANGE_PASSWORD = z
  .strictObject({ current: SHOWN_PASSWORD, next: PASSWORD })
  .refine(({ current, next }) => !isSamePassword(current, next), { path: ['next'], message: 'is the current one' });

const GUESSED: readonly ProblemCode[] = ['login_throttled', 'login_busy'];
const shared = { tag: 'people', access: 'own' } as const;

export function ownRoutes(services: Services): Route[] {
  return [
    ...accountRoutes(services),
    stepUpRoute(services),
    ...enrolRoutes(services),
    dropRoute(services),
    ...sessionRoutes(services),
  ];
}

function accountRoutes({ people }: Services): Route[] {
  const get = route(
    {
      ...shared,
      id: 'getMe',
      method: 'GET',
      path: '/v1/me',
      summary: 'Who is logged in.',
      tagged: true,
      answers: { 200: USER },
      problems: ['user_not_found'],
    },
    async (context) => {
      const account = await findAccount(people.store, personOf(context).name);
      return account === null ? problemResponse('user_not_found') : context.json(describeUser(account));
    },
  );

  const password = route(
    {
      ...shared,
      id: 'changePassword',
      method: 'POST',
      path: '/v1/me/password',
      summary: 'Changes one’s password. Every session ends, this one too.',
      body: CHANGE_PASSWORD,
      answers: { 204: null },
      problems: [...GUESSED, 'password_wrong'],
    },
    async (context, { body }) => {
      const done = await changePassword(people, personOf(context), body);
      return done.ok ? context.body(null, 204) : refusal(done);
    },
  );

  return [get, password];
}

function stepUpRoute({ people, clock }: Services): Route {
  return route(
    {
      ...shared,
      id: 'stepUp',
      method: 'POST',
      path: '/v1/me/step-up',
      summary: 'Shows the second factor again: what is sensitive is open for five minutes.',
      body: z.strictObject({ code: CODE }),
      answers: { 200: z.strictObject({ until: z.iso.datetime() }) },
      problems: [...GUESSED, 'second_factor_wrong', 'second_factor_not_enrolled', 'second_factor_unreadable'],
    },
    async (context, { body }) => {
      const done = await stepUp(people, personOf(context), body.code);
      return done.ok ? context.json({ until: new Date(clock.nowMs() + FRESH_MS).toISOString() }) : refusal(done);
    },
  );
}

function enrolRoutes({ people }: Services): Route[] {
  const enrol = route(
    {
      ...shared,
      id: 'enrolSecondFactor',
      method: 'POST',
      path: '/v1/me/second-factor',
      summary: 'Makes a secret for an authenticator app. It counts once a code of it was shown.',
      body: z.strictObject({ password: SHOWN_PASSWORD }),
      answers: { 201: z.strictObject({ secret: z.string(), uri: z.string().describe('for a QR code') }) },
      problems: [...GUESSED, 'password_wrong', 'second_factor_enrolled'],
    },
    async (context, { body }) => {
      const done = await enrolSecondFactor(people, personOf(context), body.password);
      return done.ok ? context.json({ secret: done.secret, uri: done.uri }, 201) : refusal(done);
    },
  );

  const confirm = route(
    {
      ...shared,
      id: 'confirmSecondFactor',
      method: 'POST',
      path: '/v1/me/second-factor/confirm',
      summary: 'Makes the second factor count, by its first code. The recovery codes are shown here and never again.',
      body: z.strictObject({ code: CODE }),
      answers: { 200: z.strictObject({ recoveryCodes: z.array(z.string()) }) },
      problems: [...GUESSED, 'second_factor_wrong', 'second_factor_enrolled', 'second_factor_not_enrolled'],
    },
    async (context, { body }) => {
      const done = await confirmSecondFactor(people, personOf(context), body.code);
      return done.ok ? context.json({ recoveryCodes: done.recoveryCodes }) : refusal(done);
    },
  );

  return [enrol, confirm];
}

function dropRoute({ people }: Services): Route {
  return route(
    {
      ...shared,
      id: 'dropSecondFactor',
      method: 'POST',
      path: '/v1/me/second-factor/remove',
      summary: 'Takes the second factor off, with the password and a code.',
      body: z.strictObject({ password: SHOWN_PASSWORD, code: CODE }),
      answers: { 204: null },
      problems: [
        ...GUESSED,
        'password_wrong',
        'second_factor_wrong',
        'second_factor_not_enrolled',
        'second_factor_unreadable',
      ],
    },
    async (context, { body }) => {
      const person = personOf(context);
      const shown = await stepUp(people, person, body.code);
      const done = shown.ok ? await dropSecondFactor(people, person, body.password) : shown;
      return done.ok ? context.body(null, 204) : refusal(done);
    },
  );
}

function sessionRoutes({ people, clock }: Services): Route[] {
  const list = route(
    {
      ...shared,
      id: 'listMySessions',
      method: 'GET',
      path: '/v1/me/sessions',
      summary: 'Where one is logged in.',
      tagged: true,
      answers: { 200: z.strictObject({ sessions: z.array(LOGIN_SESSION) }) },
    },
    async (context) => {
      const { name, session } = personOf(context);
      const sessions = await listSessions(people.store, name, clock.nowMs());
      return context.json({ sessions: sessions.map((one) => describe(one, session)) });
    },
  );

  const end = route(
    {
      ...shared,
      id: 'endMySession',
      method: 'DELETE',
      path: '/v1/me/sessions/:id',
      summary: 'Ends a session; `current` is the one that asks.',
      answers: { 204: null },
      problems: ['login_session_not_found'],
    },
    async (context, { params }) => {
      const { name, session } = personOf(context);
      const id = params.id === 'current' ? session : params.id;
      const ended = await endSession(people.store, { name, id });
      return ended ? context.body(null, 204) : problemResponse('login_session_not_found');
    },
  );

  return [list, end];
}

/** The permission `own` is for people alone. */
function personOf(context: ApiContext): Person {
  return context.get('principal') as Person;
}

function refusal({ code, waitMs }: Extract<Done, { ok: false }>): Response {
  return problemResponse(code, waitMs === 0 ? {} : { headers: retryAfter(waitMs) });
}

function describe({ id, openedAtMs, usedAtMs, address }: Session, current: string): z.output<typeof LOGIN_SESSION> {
  const times = { openedAt: new Date(openedAtMs).toISOString(), usedAt: new Date(usedAtMs).toISOString() };
  return { id, current: id === current, ...times, address };
}

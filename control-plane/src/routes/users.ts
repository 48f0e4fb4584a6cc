/** /v1/users: the people who have an account. */

import { randomBytes } from 'node:crypto';
import { problemResponse } from '@headwater/service/problem-response';
import { z } from 'zod';
import { type Route, route } from '../api/operation.ts';
import { PAGE, sendPage } from '../api/pages.ts';
import {
  type Account,
  changeAccount,
  createAccount,
  deleteAccount,
  findAccount,
  listAccounts,
  withoutSessions,
} from '../people/accounts.ts';
import { PASSWORD, ROLE, STREAMS, USER, USER_NAME, describeUser, mayBeScoped } from '../people-schema.ts';
import type { Services } from '../services.ts';

const GIVEN = PASSWORD.describe('must be changed at the first log-in');
const NEW_USER = z.strictObject({
  name: USER_NAME,
  role: ROLE,
  streams: STREAMS.default(null),
  password: GIVEN.nullable().default(null).describe('null: one is made by chance, and shown here alone'),
});
const CHANGE = z.strictObject({
  role: ROLE.exactOptional(),
  streams: STREAMS.exactOptional(),
  disabled: z.boolean().exactOptional(),
  password: GIVEN.exactOptional(),
  secondFactor: z.literal(false).exactOptional().describe('takes it off, for who has lost it'),
});

const shared = { tag: 'people' } as const;
const SCOPE_DETAIL = 'streams: only a publisher or a viewer-issuer is for some streams alone';

export function userRoutes(services: Services): Route[] {
  return [...readingRoutes(services), createRoute(services), ...changingRoutes(services)];
}

function readingRoutes({ people }: Services): Route[] {
  const list = route(
    {
      ...shared,
      id: 'listUsers',
      method: 'GET',
      path: '/v1/users',
      access: 'people.read',
      summary: 'Every account, by name.',
      query: PAGE,
      tagged: true,
      answers: { 200: z.strictObject({ users: z.array(USER) }) },
    },
    async (context, { query }) =>
      sendPage(context, query, {
        name: 'users',
        load: (page) => listAccounts(people.store, page),
        idOf: ({ name }) => name,
        describe: describeUser,
      }),
  );

  const get = route(
    {
      ...shared,
      id: 'getUser',
      method: 'GET',
      path: '/v1/users/:name',
      access: 'people.read',
      summary: 'One account.',
      tagged: true,
      answers: { 200: USER },
      problems: ['user_not_found'],
    },
    async (context, { params }) => {
      const account = await findAccount(people.store, params.name);
      return account === null ? problemResponse('user_not_found') : context.json(describeUser(account));
    },
  );

  return [list, get];
}

function createRoute({ people, config, clock }: Services): Route {
  return route(
    {
      ...shared,
      id: 'createUser',
      method: 'POST',
      path: '/v1/users',
      access: 'people.change',
      summary: 'Makes an account, with a password that must be changed at the first log-in.',
      body: NEW_USER,
      idempotent: true,
      answers: {
        201: z.strictObject({ user: USER, password: z.string().nullable().describe('where it was made here') }),
      },
      problems: ['user_exists', 'too_many_requests', 'login_busy'],
    },
    async (context, { body: { name, role, streams, password } }) => {
      if (streams !== null && !mayBeScoped(role)) return problemResponse('bad_field', { detail: SCOPE_DETAIL });
      const made = password === null ? randomBytes(15).toString('base64url') : null;
      const passwordHash = await people.hasher.hash(password ?? made ?? '');
      if (passwordHash === null) return problemResponse('login_busy');
      const account = { name, role, streams, passwordHash, mustChangePassword: true };
      const terms = { nowMs: Math.floor(clock.nowMs()), limit: config.limits.users };
      const outcome = await createAccount(people.store, account, terms);
      if (outcome === 'exists') return problemResponse('user_exists', { detail: `${name} is there already` });
      if (outcome === 'full') {
        return problemResponse('too_many_requests', { detail: `the limit is ${config.limits.users} users` });
      }
      const kept = (await findAccount(people.store, name)) as Account;
      return context.json({ user: describeUser(kept), password: made }, 201, { location: `/v1/users/${name}` });
    },
  );
}

function changingRoutes({ people }: Services): Route[] {
  const change = route(
    {
      ...shared,
      id: 'changeUser',
      method: 'PATCH',
      path: '/v1/users/:name',
      access: 'people.change',
      summary: 'Changes an account. A new password, or one without the second factor, ends its sessions.',
      body: CHANGE,
      tagged: true,
      answers: { 200: USER },
      problems: ['user_not_found', 'login_busy'],
    },
    async (context, { params, body, ifMatch }) => {
      const passwordHash = body.password === undefined ? undefined : await people.hasher.hash(body.password);
      if (passwordHash === null) return problemResponse('login_busy');
      const before = await findAccount(people.store, params.name);
      if (before === null) return problemResponse('user_not_found');
      if (!fits(changed(before, body, passwordHash))) return problemResponse('bad_field', { detail: SCOPE_DETAIL });
      const after = await changeAccount(people.store, params.name, (now) =>
        ifMatch(describeUser(now)) ? changed(now, body, passwordHash) : null,
      );
      return after === null ? unchanged(params.name) : context.json(describeUser(after));
    },
  );

  const remove = route(
    {
      ...shared,
      id: 'deleteUser',
      method: 'DELETE',
      path: '/v1/users/:name',
      access: 'people.change',
      summary: 'Deletes an account; its sessions end.',
      tagged: true,
      answers: { 204: null },
      problems: ['user_not_found'],
    },
    async (context, { params, ifMatch }) => {
      const gone = await deleteAccount(people.store, params.name, (now) => ifMatch(describeUser(now)));
      return gone ? context.body(null, 204) : unchanged(params.name);
    },
  );

  async function unchanged(name: string): Promise<Response> {
    const isThere = (await findAccount(people.store, name)) !== null;
    return problemResponse(isThere ? 'precondition_failed' : 'user_not_found');
  }

  return [change, remove];
}

function changed(account: Account, change: z.output<typeof CHANGE>, passwordHash: string | undefined): Account {
  const { role = account.role, streams = account.streams, disabled = account.disabled, secondFactor } = change;
  const after: Account = { ...account, role, streams, disabled };
  const factor = secondFactor === false ? null : account.factor;
  const password = passwordHash === undefined ? {} : { passwordHash, mustChangePassword: true };
  const endsSessions = disabled || secondFactor === false || passwordHash !== undefined;
  const full = { ...after, ...password, factor };
  return endsSessions ? withoutSessions(full) : full;
}

function fits({ role, streams }: Account): boolean {
  return streams === null || mayBeScoped(role);
}

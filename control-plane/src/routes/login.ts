/** /v1/login: from a password to tokens, and from those to the next. */

import { problemResponse } from '@headwater/service/problem-response';
import { z } from 'zod';
import { type ApiContext, type Route, route } from '../api/operation.ts';
import { unauthorized } from '../bearer.ts';
import { type LoginOutcome, type Origin, logIn, refresh } from '../people/login.ts';
import { CODE, SHOWN_PASSWORD, USER, describeUser } from '../people-schema.ts';
import type { Services } from '../services.ts';

const LOGIN = z.strictObject({
  name: z.string().max(256),
  password: SHOWN_PASSWORD,
  code: CODE.nullable().default(null),
});
const REFRESH = z.strictObject({ refreshToken: z.string().max(256) });

const TOKENS = z
  .strictObject({
    accessToken: z.string().describe('what requests carry as their bearer'),
    expiresAt: z.iso.datetime().describe('of the access token'),
    refreshToken: z.string().describe('good once; used again, it ends the session'),
    user: USER,
  })
  .meta({ id: 'Tokens' });

export function loginRoutes({ people }: Services): Route[] {
  const login = route(
    {
      id: 'logIn',
      method: 'POST',
      path: '/v1/login',
      tag: 'people',
      access: 'open',
      audit: 'itself',
      summary: 'Opens a session with a password, and the second factor where there is one.',
      body: LOGIN,
      answers: { 200: TOKENS },
      problems: [
        'audit_unavailable',
        'login_refused',
        'login_throttled',
        'login_busy',
        'second_factor_missing',
        'second_factor_wrong',
        'second_factor_unreadable',
      ],
    },
    async (context, { body }) => {
      if (people.audit.isFull) return problemResponse('audit_unavailable');
      return answer(context, await logIn(people, { ...body, ...originOf(context) }));
    },
  );

  const again = route(
    {
      id: 'refreshTokens',
      method: 'POST',
      path: '/v1/login/refresh',
      tag: 'people',
      access: 'open',
      audit: 'itself',
      summary: 'Takes a refresh token for new tokens.',
      body: REFRESH,
      answers: { 200: TOKENS },
      problems: ['refresh_token_unknown', 'refresh_token_reused'],
    },
    async (context, { body }) => answer(context, await refresh(people, body.refreshToken, originOf(context))),
  );

  return [login, again];
}

function originOf(context: ApiContext): Origin {
  return { address: context.get('address'), requestId: context.get('requestId') };
}

function answer(context: ApiContext, outcome: LoginOutcome): Response {
  if (!outcome.ok) {
    if (outcome.waitMs > 0) return problemResponse(outcome.code, { headers: retryAfter(outcome.waitMs) });
    const refusal = problemResponse(outcome.code);
    return refusal.status === 401 ? unauthorized('log in with a name and a password', outcome.code) : refusal;
  }
  const { accessToken, expiresAtMs, refreshToken, account } = outcome.tokens;
  const expiresAt = new Date(expiresAtMs).toISOString();
  return context.json({ accessToken, expiresAt, refreshToken, user: describeUser(account) });
}

/** RFC 9110 §10.2.3. */
export function retryAfter(waitMs: number): { readonly 'retry-after': string } {
  return { 'retry-after': String(Math.ceil(waitMs / 1000)) };
}

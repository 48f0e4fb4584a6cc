/** The life of a request to the API: access, query, body, then the route's own handler, once for each idempotency key. */

import { problemResponse } from '@headwater/service/problem-response';
import type { Hono } from 'hono';
import { askingNode, bearerOf, unauthorized } from '../bearer.ts';
import { looksLikeJoinToken } from '../join-tokens.ts';
import { isSameToken } from '../kept-token.ts';
import { authenticate } from '../people/authenticate.ts';
import { principalId, roomFor } from '../people/principal.ts';
import { describeIssue, readBody } from '../request-body.ts';
import type { Services } from '../services.ts';
import { entityTag, isNamed, isOfState } from './entity-tag.ts';
import { readIdempotencyKey } from './idempotency.ts';
import { type ApiContext, type ApiEnv, type Operation, type Route, isPermission } from './operation.ts';
import { demand } from './permission.ts';
import { isRecorded, recorded } from './recorded.ts';

/**
 * Mounts routes, and a 405 for what else comes to their paths. Those for people come last: nobody unknown is let past them, not
 * even to learn which paths there are.
 */
export function mount(app: Hono<ApiEnv>, routes: readonly Route[], services: Services): void {
  const forPeople = (path: string): boolean =>
    routes.some(({ operation }) => operation.path === path && isPermission(operation.access));
  mountAll(
    app,
    routes.filter(({ operation }) => !forPeople(operation.path)),
    services,
  );
  app.use('/v1/*', async (context, next) => {
    const principal = await authenticate(services.people, bearerOf(context), services.adminToken);
    if (typeof principal === 'string') {
      services.events.bearerRefused(context.req.path, principal);
      return unauthorized('wants Authorization: Bearer with the admin token, an access token or an API key', principal);
    }
    context.set('principal', principal);
    return next();
  });
  mountAll(
    app,
    routes.filter(({ operation }) => forPeople(operation.path)),
    services,
  );
}

function mountAll(app: Hono<ApiEnv>, routes: readonly Route[], services: Services): void {
  for (const one of routes) {
    const { operation } = one;
    app.on(operation.method, operation.path, (context) =>
      isRecorded(operation)
        ? recorded(context, operation, services.people, () => answer(one, context, services))
        : answer(one, context, services),
    );
  }
  // RFC 9110 §15.5.6.
  for (const [path, methods] of methodsByPath(routes)) {
    app.all(path, () => problemResponse('method_not_allowed', { headers: { allow: methods.join(', ') } }));
  }
}

function methodsByPath(routes: readonly Route[]): ReadonlyMap<string, readonly string[]> {
  const paths = Map.groupBy(routes, ({ operation }) => operation.path);
  return new Map([...paths].map(([path, all]) => [path, all.map(({ operation }) => operation.method).toSorted()]));
}

async function answer(one: Route, context: ApiContext, services: Services): Promise<Response> {
  const { operation, handle } = one;
  const refusal = refuse(operation, context, services);
  if (refusal !== null) return refusal;
  const params: unknown = context.req.param();
  const query = operation.query?.safeParse(context.req.query());
  if (query?.success === false) return problemResponse('bad_query', { detail: describeIssue(query.error.issues[0]) });
  const body = operation.body === undefined ? NO_BODY : await readBody(context, operation.body);
  if (!body.ok) return body.refusal;
  context.set('asked', body.value);
  const ifMatch = conditionOf(context);
  const attempt = async (): Promise<Response> =>
    handle(context, { params, query: query?.data, body: body.value, ifMatch });
  if (operation.idempotent === true) return atMostOnce(context, attempt, services);
  const answered = await attempt();
  return operation.tagged === true && operation.method === 'GET' ? withTag(context, answered) : answered;
}

const NO_BODY = { ok: true, value: undefined } as const;

async function atMostOnce(
  context: ApiContext,
  attempt: () => Promise<Response>,
  { idempotency, config }: Services,
): Promise<Response> {
  const header = context.req.header('idempotency-key');
  if (header === undefined) return attempt();
  const key = readIdempotencyKey(header);
  if (key === null) return problemResponse('idempotency_key_malformed', { detail: 'wants 1 to 255 ASCII characters' });
  const asked = `${context.req.method} ${context.req.path}\n${await context.req.text()}`;
  const principal = context.get('principal');
  return idempotency.once(
    { key, principal: principalId(principal), most: roomFor(principal, config.limits.idempotencyKeys), asked },
    attempt,
  );
}

function conditionOf(context: ApiContext): (state: unknown) => boolean {
  const header = context.req.header('if-match');
  return (state) => header === undefined || isOfState(header, state);
}

/** Names what is answered by its tag; who has it already is told just that (RFC 9110 §15.4.5). */
async function withTag(context: ApiContext, answered: Response): Promise<Response> {
  if (answered.status !== 200) return answered;
  const text = await answered.text();
  const tag = answered.headers.get('etag') ?? entityTag(text);
  const headers = new Headers(answered.headers);
  headers.set('etag', tag);
  if (!isNamed(context.req.header('if-none-match') ?? '', tag)) return new Response(text, { headers });
  headers.delete('content-type');
  headers.delete('content-length');
  return new Response(null, { status: 304, headers });
}

/** Null for who may ask. */
function refuse({ access }: Operation, context: ApiContext, services: Services): Response | null {
  if (isPermission(access)) return demand(context, access, services.clock);
  switch (access) {
    case 'open':
      return null;
    case 'node': {
      const member = askingNode(context, services);
      if (member === null) return unauthorized('wants the credential of a node');
      context.set('member', member);
      return null;
    }
    case 'join': {
      const bearer = bearerOf(context);
      if (isSameToken(bearer, services.joinToken) || looksLikeJoinToken(bearer)) return null;
      services.events.nodeRefused('', 'unauthorized');
      return unauthorized('wants Authorization: Bearer JOIN_TOKEN');
    }
  }
}

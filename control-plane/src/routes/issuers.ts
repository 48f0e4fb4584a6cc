/** /v1/issuers: customers' backends that mint session tokens themselves. Secrets go in and never come out. */

import { OWN_ISSUER } from '@headwater/protocol/explanation';
import type { Issuer } from '@headwater/protocol/feed';
import { issuerKey } from '@headwater/protocol/jws';
import { problemResponse } from '@headwater/service/problem-response';
import { z } from 'zod';
import { type Route, route } from '../api/operation.ts';
import { PAGE, sendPage } from '../api/pages.ts';
import type { Services } from '../services.ts';

const ISS = z.string().regex(/^[!-~]{1,200}$/, 'wants 1 to 200 printable ASCII characters without spaces');
const ALG = z.enum(['HS256', 'ES256', 'EdDSA']);

const NEW_ISSUER = z.discriminatedUnion('alg', [
  z.strictObject({
    iss: ISS,
    alg: z.literal('HS256'),
    secret: z.string().regex(/^[A-Za-z0-9_-]{43,1024}$/, 'wants base64url of at least 32 bytes'),
  }),
  z.strictObject({ iss: ISS, alg: z.enum(['ES256', 'EdDSA']), jwk: z.record(z.string(), z.unknown()) }),
]);

const ISSUER = z
  .strictObject({ iss: ISS, alg: ALG, own: z.boolean().describe('the control plane itself') })
  .meta({ id: 'Issuer' });

export function issuerRoutes(services: Services): Route[] {
  return [...readingRoutes(services), ...changingRoutes(services)];
}

function readingRoutes({ state }: Services): Route[] {
  const list = route(
    {
      id: 'listIssuers',
      method: 'GET',
      path: '/v1/issuers',
      tag: 'issuers',
      access: 'issuer.read',
      summary: 'Who may mint session tokens; without secrets.',
      query: PAGE,
      tagged: true,
      answers: { 200: z.strictObject({ issuers: z.array(ISSUER) }) },
    },
    async (context, { query }) =>
      sendPage(context, query, {
        name: 'issuers',
        load: (page) => state.issuers(page),
        idOf: ({ iss }) => iss,
        describe,
      }),
  );

  const get = route(
    {
      id: 'getIssuer',
      method: 'GET',
      path: '/v1/issuers/:iss',
      tag: 'issuers',
      access: 'issuer.read',
      summary: 'One issuer, without its secret.',
      tagged: true,
      answers: { 200: ISSUER },
      problems: ['not_found'],
    },
    async (context, { params }) => {
      const issuer = await state.issuer(params.iss);
      return issuer === null ? problemResponse('not_found') : context.json(describe(issuer));
    },
  );

  return [list, get];
}

function changingRoutes({ state, config }: Services): Route[] {
  const create = route(
    {
      id: 'createIssuer',
      method: 'POST',
      path: '/v1/issuers',
      tag: 'issuers',
      access: 'issuer.change',
      summary: 'Lets a backend mint session tokens.',
      body: NEW_ISSUER,
      idempotent: true,
      answers: { 201: z.strictObject({ iss: ISS, alg: ALG }) },
      problems: ['issuer_exists', 'too_many_requests'],
    },
    async (context, { body }) => {
      const complaint = judgeKey(body);
      if (complaint !== null) return problemResponse('bad_field', { detail: complaint });
      const issuer = 'jwk' in body ? { ...body, jwk: keyAlone(body.jwk) } : body;
      // Ours counts, too.
      const made = await state.createIssuer(issuer, config.limits.issuers + 1);
      if (made === 'exists') return problemResponse('issuer_exists', { detail: `${issuer.iss} is there already` });
      if (made === 'full') {
        return problemResponse('too_many_requests', { detail: `the limit is ${config.limits.issuers} issuers` });
      }
      return context.json({ iss: issuer.iss, alg: issuer.alg }, 201);
    },
  );

  const remove = route(
    {
      id: 'deleteIssuer',
      method: 'DELETE',
      path: '/v1/issuers/:iss',
      tag: 'issuers',
      access: 'issuer.change',
      summary: 'Lets a backend mint no more; its tokens open no door from then on.',
      tagged: true,
      answers: { 204: null },
      problems: ['forbidden', 'not_found'],
    },
    async (context, { params: { iss }, ifMatch }) => {
      if (iss === OWN_ISSUER) return problemResponse('forbidden', { detail: 'the control plane mints with it' });
      if (await state.deleteIssuer(iss, (issuer) => ifMatch(describe(issuer)))) return context.body(null, 204);
      return problemResponse((await state.issuer(iss)) === null ? 'not_found' : 'precondition_failed');
    },
  );

  return [create, remove];
}

function describe({ iss, alg }: Issuer): z.output<typeof ISSUER> {
  return { iss, alg, own: iss === OWN_ISSUER };
}

/** Of a JWK what the key is (RFC 7518 §6.2, RFC 8037 §2): all else, certificates and notes, would travel to every node. */
function keyAlone(jwk: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(jwk).filter(([name]) => ['kty', 'crv', 'x', 'y'].includes(name)));
}

/** What no schema sees: whether the key is one, is public, and fits the algorithm. */
function judgeKey(issuer: Issuer): string | null {
  if (issuer.jwk !== undefined && 'd' in issuer.jwk) return 'jwk: wants the public key; this holds the private one';
  try {
    issuerKey(issuer);
    return null;
  } catch {
    // What node:crypto says of the key speaks of its inner form; the caller needs the field.
    return `${issuer.alg === 'HS256' ? 'secret' : 'jwk'}: is no key for ${issuer.alg}`;
  }
}

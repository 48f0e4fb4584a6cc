/** /v1/issuers: customers' backends that mint session tokens themselves. Secrets go in and never come out. */

import type { Issuer } from '@headwater/protocol/feed';
import { issuerKey } from '@headwater/protocol/jws';
import { problemResponse } from '@headwater/service/problem-response';
import { Hono } from 'hono';
import { z } from 'zod';
import { readBody } from '../request-body.ts';
import type { Services } from '../services.ts';
import { OWN_ISSUER } from '../session-issuer.ts';

const ISS = z.string().regex(/^[!-~]{1,200}$/, 'wants 1 to 200 printable ASCII characters without spaces');

const NEW_ISSUER = z.discriminatedUnion('alg', [
  z.strictObject({
    iss: ISS,
    alg: z.literal('HS256'),
    secret: z.string().regex(/^[A-Za-z0-9_-]{43,1024}$/, 'wants base64url of at least 32 bytes'),
  }),
  z.strictObject({ iss: ISS, alg: z.enum(['ES256', 'EdDSA']), jwk: z.record(z.string(), z.unknown()) }),
]);

export function issuerRoutes(services: Services): Hono {
  const { state, config } = services;
  const routes = new Hono();

  routes.post('/', async (context) => {
    const body = await readBody(context, NEW_ISSUER);
    if (!body.ok) return body.refusal;
    const issuer: Issuer = body.value;
    const complaint = judgeKey(issuer);
    if (complaint !== null) return problemResponse('bad_field', { detail: complaint });
    // Ours counts, too.
    const made = await state.createIssuer(issuer, config.limits.issuers + 1);
    if (made === 'exists') return problemResponse('issuer_exists', { detail: `${issuer.iss} is there already` });
    if (made === 'full') {
      return problemResponse('too_many_requests', { detail: `the limit is ${config.limits.issuers} issuers` });
    }
    return context.json({ iss: issuer.iss, alg: issuer.alg }, 201);
  });

  routes.get('/', async (context) => {
    const issuers = await state.issuers();
    return context.json({ issuers: issuers.map(({ iss, alg }) => ({ iss, alg, own: iss === OWN_ISSUER })) });
  });

  routes.delete('/:iss', async (context) => {
    const iss = context.req.param('iss');
    if (iss === OWN_ISSUER) return problemResponse('forbidden', { detail: 'the control plane mints with it' });
    return (await state.deleteIssuer(iss)) ? context.body(null, 204) : problemResponse('not_found');
  });

  return routes;
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

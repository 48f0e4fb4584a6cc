/** Who asks: people with the admin token, nodes with their credential. */

import type { Context, MiddlewareHandler } from 'hono';
import { nodeKeyThumbprint, verifyNodeCredential } from '@headwater/protocol/node-credential';
import type { ProblemCode } from '@headwater/protocol/problem';
import { problemResponse } from '@headwater/service/problem-response';
import type { Member } from './fleet.ts';
import { isSameToken } from './kept-token.ts';
import type { Services } from './services.ts';

const CHALLENGE = { 'www-authenticate': 'Bearer' };
const BEARER = /^Bearer +([A-Za-z0-9._~+/=-]{1,256}) *$/i;

/** The token of the Authorization header (RFC 6750 §2.1), or an empty text. */
export function bearerOf(context: Context): string {
  return BEARER.exec(context.req.header('authorization') ?? '')?.[1] ?? '';
}

/** The answer to a wrong or missing token. */
export function unauthorized(detail: string, code: ProblemCode = 'unauthorized'): Response {
  return problemResponse(code, { detail, headers: CHALLENGE });
}

/** Lets the admin through. */
export function requireAdmin(services: Services): MiddlewareHandler {
  return async (context, next) => {
    if (isSameToken(bearerOf(context), services.adminToken)) return next();
    services.events.adminRefused(context.req.path);
    return unauthorized('wants Authorization: Bearer ADMIN_TOKEN');
  };
}

/** The node whose credential the request carries, or null: the credential says who, the enrolment whether it still holds. */
export function askingNode(context: Context, { fleet, credentialKey, clock }: Services): Member | null {
  const claims = verifyNodeCredential(bearerOf(context), credentialKey, clock.nowMs());
  const member = claims === null ? null : fleet.member(claims.node);
  if (member === null || claims?.keyThumbprint !== nodeKeyThumbprint(member.enrolled.publicKey)) return null;
  return member;
}

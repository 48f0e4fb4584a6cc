/** Who asks: people with the admin token, nodes with their credential. */

import type { Context } from 'hono';
import { nodeKeyThumbprint } from '@headwater/protocol/node-credential';
import type { ProblemCode } from '@headwater/protocol/problem';
import { problemResponse } from '@headwater/service/problem-response';
import type { Member } from './fleet.ts';
import type { Services } from './services.ts';

const CHALLENGE = { 'www-authenticate': 'Bearer' };
const BEARER = /^Bearer +([A-Za-z0-9._~+/=-]{1,256}) *$/i;

/** The token of the Authorization header (RFC 6750 §2.1), or an empty text. */
export function bearerOf(context: Pick<Context, 'req'>): string {
  return BEARER.exec(context.req.header('authorization') ?? '')?.[1] ?? '';
}

/** The answer to a wrong or missing token. */
export function unauthorized(detail: string, code: ProblemCode = 'unauthorized'): Response {
  return problemResponse(code, { detail, headers: CHALLENGE });
}

/** The node whose credential the request carries, or null: the credential says who, the enrolment whether it still holds. */
export function askingNode(context: Pick<Context, 'req'>, { fleet, credentials, clock }: Services): Member | null {
  const claims = credentials.read(bearerOf(context), clock.nowMs());
  const member = claims === null ? null : fleet.member(claims.node);
  if (member === null || claims?.keyThumbprint !== nodeKeyThumbprint(member.enrolled.publicKey)) return null;
  return member;
}

/** Who asks: people with the admin token, nodes with their credential. */

import type { Context, MiddlewareHandler } from 'hono';
import { problemResponse } from '@headwater/service/problem-response';
import { credentialHash, isSameToken } from './kept-token.ts';
import type { Member } from './registry/registry.ts';
import type { Services } from './services.ts';

const CHALLENGE = { 'www-authenticate': 'Bearer' };
const BEARER = /^Bearer +([A-Za-z0-9._~+/=-]{1,256}) *$/i;

/** The token of the Authorization header (RFC 6750 §2.1), or an empty text. */
export function bearerOf(context: Context): string {
  return BEARER.exec(context.req.header('authorization') ?? '')?.[1] ?? '';
}

/** The answer to a wrong or missing token. */
export function unauthorized(detail: string): Response {
  return problemResponse('unauthorized', { detail, headers: CHALLENGE });
}

/** Lets the admin through. */
export function requireAdmin(services: Services): MiddlewareHandler {
  return async (context, next) => {
    if (isSameToken(bearerOf(context), services.adminToken)) return next();
    services.events.adminRefused(context.req.path);
    return unauthorized('wants Authorization: Bearer ADMIN_TOKEN');
  };
}

/** The node whose credential the request carries, or null. */
export function askingNode(context: Context, services: Services): Member | null {
  const credential = bearerOf(context);
  return credential === '' ? null : services.registry.identify(credentialHash(credential));
}

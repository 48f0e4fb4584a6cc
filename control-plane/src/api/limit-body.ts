/** The limit of a request's body. */

import { problemResponse } from '@headwater/service/problem-response';
import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';

/** Answers 413 to a longer one. */
export function limitBody(limitBytes: number): MiddlewareHandler {
  const refuse = (): Response => problemResponse('body_too_large', { detail: `the limit is ${limitBytes} bytes` });
  const counting = bodyLimit({ maxSize: limitBytes, onError: refuse });
  return async (context, next) => {
    if (context.req.header('transfer-encoding') !== undefined) return counting(context, next);
    // No more is read than was announced (RFC 9112 §6.3). Counting would make a web stream of each heartbeat.
    return Number(context.req.header('content-length') ?? 0) > limitBytes ? refuse() : next();
  };
}

/** What those ask who run the service: is it alive, does it take requests, how does it fare, what does it take. */

import type { Metrics } from '@headwater/service/metrics';
import { problemResponse } from '@headwater/service/problem-response';
import { z } from 'zod';
import { openApiDocument } from '../api/openapi.ts';
import { type Operation, type Route, route } from '../api/operation.ts';
import type { Services } from '../services.ts';

/** Of the API; grows with what clients could not have relied on before. */
const API_VERSION = '1.0.0';

const shared = { method: 'GET', tag: 'service', access: 'open' } as const;

export function serviceRoutes({ stopping }: Pick<Services, 'stopping'>, metrics: Metrics): Route[] {
  const healthz = route(
    {
      ...shared,
      id: 'isAlive',
      path: '/healthz',
      summary: 'Whether the process lives.',
      answers: { 200: z.strictObject({ status: z.literal('ok') }) },
    },
    (context) => context.json({ status: 'ok' }),
  );

  const readyz = route(
    {
      ...shared,
      id: 'isReady',
      path: '/readyz',
      summary: 'Whether it takes requests.',
      answers: { 200: z.strictObject({ status: z.literal('ready') }) },
      problems: ['not_ready'],
    },
    (context) =>
      stopping.aborted ? problemResponse('not_ready', { detail: 'stopping' }) : context.json({ status: 'ready' }),
  );

  const read = route(
    {
      ...shared,
      id: 'readMetrics',
      path: '/metrics',
      summary: 'Metrics as Prometheus reads them.',
      answers: { 200: 'text' },
    },
    (context) => context.text(metrics.format()),
  );

  return [healthz, readyz, read];
}

/** GET /v1/openapi.json: the document of all routes, this one included. */
export function documentRoute(others: readonly Route[]): Route {
  const operation: Operation<'/v1/openapi.json'> = {
    ...shared,
    id: 'getDocument',
    path: '/v1/openapi.json',
    summary: 'This document.',
    answers: { 200: z.record(z.string(), z.unknown()) },
  };
  const document = openApiDocument([...others.map((one) => one.operation), operation], API_VERSION);
  return route(operation, (context) => context.json(document));
}

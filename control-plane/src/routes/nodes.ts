/** /v1/nodes for the operator: who is there, drain, remove. */

import { problemResponse } from '@headwater/service/problem-response';
import { Hono } from 'hono';
import { z } from 'zod';
import type { Member } from '../registry/registry.ts';
import { readBody } from '../request-body.ts';
import type { Services } from '../services.ts';

const DRAIN = z.strictObject({ draining: z.boolean().default(true) });

export function nodeRoutes({ registry }: Services): Hono {
  const routes = new Hono();

  routes.get('/', (context) => context.json({ nodes: registry.members().map(describe) }));

  routes.get('/:id', (context) => {
    const member = registry.member(context.req.param('id'));
    return member === null ? problemResponse('node_not_found') : context.json(describe(member));
  });

  routes.delete('/:id', async (context) => {
    const gone = await registry.remove(context.req.param('id'));
    return gone ? context.body(null, 204) : problemResponse('node_not_found');
  });

  routes.post('/:id/drain', async (context) => {
    const body = await readBody(context, DRAIN);
    if (!body.ok) return body.refusal;
    const id = context.req.param('id');
    if (!(await registry.setDrained(id, body.value.draining))) return problemResponse('node_not_found');
    return context.json({ id, draining: registry.member(id)?.record.draining ?? false });
  });

  return routes;
}

function describe({ record, cursor, heardAtMs }: Member): object {
  return { ...record, cursor, heardAt: heardAtMs === null ? null : new Date(heardAtMs).toISOString() };
}

/** /v1/nodes for the operator: who is there, drain, remove. */

import { problemResponse } from '@headwater/service/problem-response';
import { Hono } from 'hono';
import { z } from 'zod';
import type { Member } from '../fleet.ts';
import { readBody } from '../request-body.ts';
import type { Services } from '../services.ts';

const DRAIN = z.strictObject({ draining: z.boolean().default(true) });

export function nodeRoutes(services: Services): Hono {
  const { fleet, enrolled, registry, admission, clock, events } = services;
  const routes = new Hono();

  routes.get('/', (context) => context.json({ nodes: fleet.members().map(describe) }));

  routes.get('/:id', (context) => {
    const member = fleet.member(context.req.param('id'));
    return member === null ? problemResponse('node_not_found') : context.json(describe(member));
  });

  routes.delete('/:id', async (context) => {
    const id = context.req.param('id');
    // Out of the registry first: what is no longer let in could not deregister itself.
    await registry.withdraw(id);
    if (!(await enrolled.remove(id, clock.nowMs()))) return problemResponse('node_not_found');
    events.nodeRemoved(id);
    return context.body(null, 204);
  });

  routes.post('/:id/drain', async (context) => {
    const body = await readBody(context, DRAIN);
    if (!body.ok) return body.refusal;
    const id = context.req.param('id');
    const { draining } = body.value;
    const node = await enrolled.update(id, (before) => ({ ...before, drained: draining }));
    if (node === null) return problemResponse('node_not_found');
    await registry.setMaintenance(id, draining);
    return context.json({ id, draining: fleet.member(id)?.record.draining ?? draining });
  });

  function describe({ record, cursor, heardAtMs }: Member): object {
    const probe = record.servingSinceMs === null ? { probe: admission.refusal(record.id) } : {};
    return { ...record, ...probe, cursor, heardAt: heardAtMs === null ? null : new Date(heardAtMs).toISOString() };
  }

  return routes;
}

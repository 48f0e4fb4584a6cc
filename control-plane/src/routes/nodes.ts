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

  routes.get('/', async (context) => {
    const refusals = await admission.refusals();
    return context.json({ nodes: fleet.members().map((member) => describe(member, refusals)) });
  });

  routes.get('/:id', async (context) => {
    const member = fleet.member(context.req.param('id'));
    if (member === null) return problemResponse('node_not_found');
    return context.json(describe(member, await admission.refusals()));
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

  return routes;
}

function describe({ record, cursor, heardAtMs }: Member, refusals: ReadonlyMap<string, string>): object {
  const probe = record.servingSinceMs === null ? { probe: refusals.get(record.id) ?? null } : {};
  return { ...record, ...probe, cursor, heardAt: heardAtMs === null ? null : new Date(heardAtMs).toISOString() };
}

/** /v1/nodes for the operator: who is there, drain, remove. */

import { problemResponse } from '@headwater/service/problem-response';
import { z } from 'zod';
import { type Route, route } from '../api/operation.ts';
import { PAGE, pageOf, sendPage } from '../api/pages.ts';
import { entityTag } from '../api/entity-tag.ts';
import type { Member } from '../fleet.ts';
import { NODE_RECORD } from '../node-schema.ts';
import type { Services } from '../services.ts';

const DRAIN = z.strictObject({ draining: z.boolean().default(true) });

const LISTED_NODE = z
  .strictObject({
    ...NODE_RECORD.shape,
    probe: z.string().nullable().exactOptional().describe('why it is not let in yet'),
    cursor: z.string().nullable().describe('what it has taken in of the feed'),
    heardAt: z.iso.datetime().nullable(),
    heardBy: z.string().nullable().describe('the replica of the control plane that it sends its heartbeats to'),
  })
  .meta({ id: 'Node' });

export function nodeRoutes(services: Services): Route[] {
  return [...readingRoutes(services), ...changingRoutes(services)];
}

function readingRoutes({ fleet, admission }: Services): Route[] {
  const list = route(
    {
      id: 'listNodes',
      method: 'GET',
      path: '/v1/nodes',
      tag: 'nodes',
      access: 'node.read',
      summary: 'Every node that was let in, and how it is.',
      query: PAGE,
      tagged: true,
      answers: { 200: z.strictObject({ nodes: z.array(LISTED_NODE) }) },
    },
    async (context, { query }) => {
      const refusals = await admission.refusals();
      const idOf = ({ record }: Member): string => record.id;
      return sendPage(context, query, {
        name: 'nodes',
        load: async (page) => pageOf(fleet.members(), idOf, page),
        idOf,
        describe: (member) => describe(member, refusals),
      });
    },
  );

  const get = route(
    {
      id: 'getNode',
      method: 'GET',
      path: '/v1/nodes/:id',
      tag: 'nodes',
      access: 'node.read',
      summary: 'One node.',
      tagged: true,
      answers: { 200: LISTED_NODE },
      problems: ['node_not_found'],
    },
    async (context, { params }) => {
      const member = fleet.member(params.id);
      if (member === null) return problemResponse('node_not_found');
      const node = describe(member, await admission.refusals());
      return context.json(node, 200, { etag: entityTag(stateOf(member), node) });
    },
  );

  return [list, get];
}

function changingRoutes({ fleet, enrolled, registry, clock, events }: Services): Route[] {
  const remove = route(
    {
      id: 'removeNode',
      method: 'DELETE',
      path: '/v1/nodes/:id',
      tag: 'nodes',
      access: 'node.remove',
      summary: 'Takes a node out of the fleet; its key opens nothing from then on.',
      tagged: true,
      answers: { 204: null },
      problems: ['node_not_found'],
    },
    async (context, { params: { id }, ifMatch }) => {
      const member = fleet.member(id);
      if (member !== null && !ifMatch(stateOf(member))) return problemResponse('precondition_failed');
      // Out of the registry first: what is no longer let in could not deregister itself.
      await registry.withdraw(id);
      if (!(await enrolled.remove(id, clock.nowMs()))) return problemResponse('node_not_found');
      events.nodeRemoved(id);
      return context.body(null, 204);
    },
  );

  const drain = route(
    {
      id: 'drainNode',
      method: 'POST',
      path: '/v1/nodes/:id/drain',
      tag: 'nodes',
      access: 'node.drain',
      summary: 'Sends no new viewers to a node and moves those it has, or lets it take viewers again.',
      body: DRAIN,
      tagged: true,
      answers: { 200: z.strictObject({ id: z.string(), draining: z.boolean() }) },
      problems: ['node_not_found'],
    },
    async (context, { params: { id }, body: { draining }, ifMatch }) => {
      const node = await enrolled.update(id, (before) =>
        ifMatch(stateOf(fleet.member(id), before.drained)) ? { ...before, drained: draining } : null,
      );
      if (node === null) return problemResponse(fleet.member(id) === null ? 'node_not_found' : 'precondition_failed');
      await registry.setMaintenance(id, draining);
      return context.json({ id, draining: fleet.member(id)?.record.draining ?? draining });
    },
  );

  return [remove, drain];
}

function describe(
  { record, cursor, heardAtMs, replica }: Member,
  refusals: ReadonlyMap<string, string>,
): z.output<typeof LISTED_NODE> {
  const probe = record.servingSinceMs === null ? { probe: refusals.get(record.id) ?? null } : {};
  const heardAt = heardAtMs === null ? null : new Date(heardAtMs).toISOString();
  return { ...record, ...probe, cursor, heardAt, heardBy: replica };
}

/** What an operator changes, or must know before: without what the node says anew every second. */
function stateOf(member: Member | null, drained = member?.enrolled.drained): object | null {
  if (member === null) return null;
  const { load: _, ...state } = member.record;
  return { ...state, drained };
}

/** /v1/purges: what edges must no longer answer with. */

import { isOfEverything, readPurge } from '@headwater/protocol/purge-scope';
import { ANY_HOST } from '@headwater/protocol/zone';
import { problemResponse } from '@headwater/service/problem-response';
import { z } from 'zod';
import { type Route, route } from '../api/operation.ts';
import { demand } from '../api/permission.ts';
import { NEW_PURGE, PURGE } from '../purge-schema.ts';
import type { Services } from '../services.ts';

const PROGRESS = z
  .strictObject({
    ...PURGE.shape,
    total: z.int().describe('edges that were there to carry it out'),
    acked: z.int().describe('those that have'),
    missing: z.array(z.string()).describe('those that have not'),
    ms: z.int().nullable().describe('from the order to the last acknowledgement; null until then'),
  })
  .meta({ id: 'PurgeProgress' });

export function purgeRoutes({ purges, state, clock, events }: Services): Route[] {
  const order = route(
    {
      id: 'orderPurge',
      method: 'POST',
      path: '/v1/purges',
      tag: 'purges',
      access: 'purge.order',
      summary: 'Makes every edge forget a URL, a prefix, a tag, or everything.',
      body: NEW_PURGE,
      idempotent: true,
      answers: { 202: z.strictObject({ id: z.string() }) },
      problems: ['step_up_required', 'key_not_sensitive'],
    },
    async (context, { body }) => {
      const hosts = new Set((await state.zones()).flatMap((zone) => zone.hosts));
      hosts.delete(ANY_HOST);
      const refusal = isEverything(body, hosts) ? demand(context, 'purge.all', clock) : null;
      if (refusal !== null) return refusal;
      const { id } = await purges.order(body);
      events.purgeOrdered(id);
      return context.json({ id }, 202, { location: `/v1/purges/${id}` });
    },
  );

  const get = route(
    {
      id: 'getPurge',
      method: 'GET',
      path: '/v1/purges/:id',
      tag: 'purges',
      access: 'purge.read',
      summary: 'How far a purge has come.',
      tagged: true,
      answers: { 200: PROGRESS },
      problems: ['purge_not_found'],
    },
    async (context, { params }) => {
      const progress = await purges.progress(params.id);
      if (progress === null) return problemResponse('purge_not_found');
      const { purge, total, acked, missing, ms } = progress;
      return context.json({ ...purge, total, acked: acked.length, missing, ms });
    },
  );

  return [order, get];
}

/** Every stream. An order by a host that a zone names is about that host alone. */
function isEverything(order: z.output<typeof NEW_PURGE>, hosts: ReadonlySet<string>): boolean {
  const scope = readPurge(order);
  return typeof scope !== 'string' && isOfEverything(scope, (host) => hosts.has(host));
}

/** /v1/zones: pull zones, by which edges front any HTTP origin. */

import { ANY_HOST, type ZoneEntry, parseZone } from '@headwater/protocol/zone';
import { problemResponse } from '@headwater/service/problem-response';
import { z } from 'zod';
import { type Route, route } from '../api/operation.ts';
import { PAGE, sendPage } from '../api/pages.ts';
import type { Services } from '../services.ts';
import { CHANGED_ZONE, NEW_ZONE, ZONE } from '../zone-schema.ts';

export function zoneRoutes(services: Services): Route[] {
  return [...readingRoutes(services), createRoute(services), replaceRoute(services), removeRoute(services)];
}

function readingRoutes({ state }: Services): Route[] {
  const list = route(
    {
      id: 'listZones',
      method: 'GET',
      path: '/v1/zones',
      tag: 'zones',
      access: 'zone.read',
      summary: 'Every pull zone of the control plane; edges may have more of their own.',
      query: PAGE,
      tagged: true,
      answers: { 200: z.strictObject({ zones: z.array(ZONE) }) },
    },
    async (context, { query }) =>
      sendPage(context, query, {
        name: 'zones',
        load: (page) => state.zones(page),
        idOf: ({ name }) => name,
        describe: (zone) => zone,
      }),
  );

  const get = route(
    {
      id: 'getZone',
      method: 'GET',
      path: '/v1/zones/:zone',
      tag: 'zones',
      access: 'zone.read',
      summary: 'One pull zone.',
      tagged: true,
      answers: { 200: ZONE },
      problems: ['zone_not_found'],
    },
    async (context, { params }) => {
      const zone = await state.zone(params.zone);
      return zone === null ? problemResponse('zone_not_found') : context.json(zone);
    },
  );

  return [list, get];
}

function createRoute({ state, config, events }: Services): Route {
  return route(
    {
      id: 'createZone',
      method: 'POST',
      path: '/v1/zones',
      tag: 'zones',
      access: 'zone.change',
      summary: 'Makes a pull zone: edges answer for its hosts and prefix from its origins.',
      body: NEW_ZONE,
      idempotent: true,
      answers: { 201: ZONE },
      problems: ['zone_exists', 'zone_overlaps', 'too_many_zones'],
    },
    async (context, { body }) => {
      const zone = entryOf(body);
      if ((await state.zone(zone.name)) === null) {
        const overlap = overlapOf(zone, await state.zones());
        if (overlap !== null) return problemResponse('zone_overlaps', { detail: overlap });
      }
      const made = await state.createZone(zone, config.limits.zones);
      if (made === 'exists') return problemResponse('zone_exists', { detail: `${zone.name} is there already` });
      if (made === 'full') return problemResponse('too_many_zones', { detail: `the limit is ${config.limits.zones}` });
      events.zoneChanged(zone.name, 'created');
      return context.json(zone, 201, { location: `/v1/zones/${zone.name}` });
    },
  );
}

function replaceRoute({ state, events }: Services): Route {
  return route(
    {
      id: 'replaceZone',
      method: 'PUT',
      path: '/v1/zones/:zone',
      tag: 'zones',
      access: 'zone.change',
      summary: 'Changes a pull zone as a whole; what is stored of it stays.',
      body: CHANGED_ZONE,
      tagged: true,
      answers: { 200: ZONE },
      problems: ['zone_not_found', 'zone_overlaps'],
    },
    async (context, { params: { zone: name }, body, ifMatch }) => {
      if ((await state.zone(name)) === null) return problemResponse('zone_not_found');
      const zone = entryOf({ name, ...body });
      const overlap = overlapOf(zone, await state.zones());
      if (overlap !== null) return problemResponse('zone_overlaps', { detail: overlap });
      if (await state.replaceZone(zone, ifMatch)) {
        events.zoneChanged(name, 'replaced');
        return context.json(zone);
      }
      return problemResponse((await state.zone(name)) === null ? 'zone_not_found' : 'precondition_failed');
    },
  );
}

function removeRoute({ state, events }: Services): Route {
  return route(
    {
      id: 'deleteZone',
      method: 'DELETE',
      path: '/v1/zones/:zone',
      tag: 'zones',
      access: 'zone.delete',
      summary: 'Deletes a pull zone; edges forget what they have stored of it.',
      tagged: true,
      answers: { 204: null },
      problems: ['zone_not_found'],
    },
    async (context, { params: { zone: name }, ifMatch }) => {
      if (!(await state.deleteZone(name, ifMatch))) {
        return problemResponse((await state.zone(name)) === null ? 'zone_not_found' : 'precondition_failed');
      }
      events.zoneChanged(name, 'deleted');
      return context.body(null, 204);
    },
  );
}

/** A body that its schema let through, in the one spelling that is kept. */
function entryOf(body: z.output<typeof NEW_ZONE>): ZoneEntry {
  const reading = parseZone(body);
  if (!reading.ok) throw new Error(`${reading.field} ${reading.complaint}`);
  return reading.zone;
}

/** Whose host and prefix it would take; null for nobody's. Two that are made in one instant do not see each other. */
function overlapOf(zone: ZoneEntry, zones: readonly ZoneEntry[]): string | null {
  const rivals = zones.filter(({ name, pathPrefix }) => name !== zone.name && pathPrefix === zone.pathPrefix);
  for (const rival of rivals) {
    const host = rival.hosts.find((one) => zone.hosts.includes(one));
    if (host === undefined) continue;
    return `${host === ANY_HOST ? 'any host' : host} with ${zone.pathPrefix} is ${rival.name}'s`;
  }
  return null;
}

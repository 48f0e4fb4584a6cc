/** /v1/streams */

import { randomBytes } from 'node:crypto';
import { problemResponse } from '@headwater/service/problem-response';
import { z } from 'zod';
import { publishAddress } from '../addresses.ts';
import { type Route, route } from '../api/operation.ts';
import { demandStream } from '../api/permission.ts';
import { PAGE, pageOf, sendPage } from '../api/pages.ts';
import { coversStream } from '../people/principal.ts';
import type { Services } from '../services.ts';
import type { StreamRecord } from '../state/state.ts';
import { LADDER, POLICY, STREAM_NAME } from '../stream-schema.ts';

const NEW_STREAM = z.strictObject({ name: STREAM_NAME, policy: POLICY, ladder: LADDER.optional() });

const STREAM = z
  .strictObject({
    stream: STREAM_NAME,
    policy: POLICY,
    ladder: LADDER.nullable().describe('null: the default one'),
    origin: z.string().nullable().describe('the origin that it is published to'),
    onAir: z.boolean(),
  })
  .meta({ id: 'Stream' });

const PUBLISHING = {
  publishUrl: z.string(),
  server: z.string().describe('what OBS calls the server'),
  streamKey: z.string().describe('what OBS calls the stream key'),
  key: z.string(),
};

export function streamRoutes(services: Services): Route[] {
  return [...readingRoutes(services), ...changingRoutes(services)];
}

function changingRoutes(services: Services): Route[] {
  const { state, fleet, config, clock, events } = services;
  const create = route(
    {
      id: 'createStream',
      method: 'POST',
      path: '/v1/streams',
      tag: 'streams',
      access: 'stream.create',
      summary: 'Makes a stream and its publish key.',
      body: NEW_STREAM,
      idempotent: true,
      answers: { 201: z.strictObject({ stream: STREAM_NAME, ...PUBLISHING }).meta({ id: 'CreatedStream' }) },
      problems: ['stream_exists', 'stream_out_of_scope', 'too_many_streams'],
    },
    async (context, { body }) => {
      const { name, policy, ladder = null } = body;
      const refusal = demandStream(context, name);
      if (refusal !== null) return refusal;
      const key = randomBytes(24).toString('base64url');
      const unpublished = { origin: null, claimedAtMs: clock.nowMs(), lastEpochOrdinal: -1 };
      const made = await state.createStream({ name, policy, ladder, key, ...unpublished }, config.limits.streams);
      if (made === 'exists') return problemResponse('stream_exists', { detail: `${name} is there already` });
      if (made === 'full') {
        return problemResponse('too_many_streams', { detail: `the limit is ${config.limits.streams}` });
      }
      events.streamCreated(name);
      const location = { location: `/v1/streams/${name}` };
      return context.json({ stream: name, ...publishAddress({ name, key }, fleet, config), key }, 201, location);
    },
  );

  const remove = route(
    {
      id: 'deleteStream',
      method: 'DELETE',
      path: '/v1/streams/:stream',
      tag: 'streams',
      access: 'stream.delete',
      summary: 'Deletes a stream; whoever publishes or watches it is cut off.',
      tagged: true,
      answers: { 204: null },
      problems: ['stream_not_found'],
    },
    async (context, { params: { stream: name }, ifMatch }) => {
      if (!(await state.deleteStream(name, (stream) => ifMatch(withKey(stream, services))))) {
        const isThere = (await state.stream(name)) !== null;
        return problemResponse(isThere ? 'precondition_failed' : 'stream_not_found');
      }
      events.streamDeleted(name);
      return context.body(null, 204);
    },
  );

  return [create, remove];
}

function readingRoutes(services: Services): Route[] {
  const { state } = services;
  const list = route(
    {
      id: 'listStreams',
      method: 'GET',
      path: '/v1/streams',
      tag: 'streams',
      access: 'stream.read',
      summary: 'Every stream that the asker is for, without its key.',
      query: PAGE,
      tagged: true,
      answers: { 200: z.strictObject({ streams: z.array(STREAM) }) },
    },
    async (context, { query }) => {
      const principal = context.get('principal');
      const idOf = ({ name }: StreamRecord): string => name;
      const ownOnes = async (): Promise<StreamRecord[]> =>
        (await state.streams()).filter(({ name }) => coversStream(principal, name));
      return sendPage(context, query, {
        name: 'streams',
        load: async (page) => (principal.streams === null ? state.streams(page) : pageOf(await ownOnes(), idOf, page)),
        idOf,
        describe: (stream) => describe(stream, services),
      });
    },
  );

  const get = route(
    {
      id: 'getStream',
      method: 'GET',
      path: '/v1/streams/:stream',
      tag: 'streams',
      access: 'stream.key',
      summary: 'One stream, with its key.',
      tagged: true,
      answers: { 200: z.strictObject({ ...STREAM.shape, ...PUBLISHING }).meta({ id: 'StreamWithKey' }) },
      problems: ['stream_not_found', 'stream_out_of_scope'],
    },
    async (context, { params }) => {
      const refusal = demandStream(context, params.stream);
      if (refusal !== null) return refusal;
      const stream = await state.stream(params.stream);
      if (stream === null) return problemResponse('stream_not_found');
      return context.json(withKey(stream, services));
    },
  );

  return [list, get];
}

/** The key is for those who ask for one stream. */
function describe({ name, policy, ladder, origin }: StreamRecord, { fleet }: Pick<Services, 'fleet'>): object {
  const onAir = origin !== null && fleet.member(origin)?.record.healthy === true;
  return { stream: name, policy, ladder, origin, onAir };
}

function withKey(stream: StreamRecord, services: Pick<Services, 'fleet' | 'config'>): object {
  const { fleet, config } = services;
  return { ...describe(stream, services), ...publishAddress(stream, fleet, config), key: stream.key };
}

/** /v1/streams */

import { randomBytes } from 'node:crypto';
import { problemResponse } from '@headwater/service/problem-response';
import { z } from 'zod';
import { publishAddress } from '../addresses.ts';
import { type Route, route } from '../api/operation.ts';
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

function changingRoutes({ state, fleet, config, clock, events }: Services): Route[] {
  const create = route(
    {
      id: 'createStream',
      method: 'POST',
      path: '/v1/streams',
      tag: 'streams',
      access: 'admin',
      summary: 'Makes a stream and its publish key.',
      body: NEW_STREAM,
      answers: { 201: z.strictObject({ stream: STREAM_NAME, ...PUBLISHING }).meta({ id: 'CreatedStream' }) },
      problems: ['stream_exists', 'too_many_streams'],
    },
    async (context, { body }) => {
      const { name, policy, ladder = null } = body;
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
      access: 'admin',
      summary: 'Deletes a stream; whoever publishes or watches it is cut off.',
      answers: { 204: null },
      problems: ['stream_not_found'],
    },
    async (context, { params: { stream: name } }) => {
      if (!(await state.deleteStream(name))) return problemResponse('stream_not_found');
      events.streamDeleted(name);
      return context.body(null, 204);
    },
  );

  return [create, remove];
}

function readingRoutes({ state, fleet, config }: Services): Route[] {
  const list = route(
    {
      id: 'listStreams',
      method: 'GET',
      path: '/v1/streams',
      tag: 'streams',
      access: 'admin',
      summary: 'Every stream, without its key.',
      answers: { 200: z.strictObject({ streams: z.array(STREAM) }) },
    },
    async (context) => context.json({ streams: (await state.streams()).map(describe) }),
  );

  const get = route(
    {
      id: 'getStream',
      method: 'GET',
      path: '/v1/streams/:stream',
      tag: 'streams',
      access: 'admin',
      summary: 'One stream, with its key.',
      answers: { 200: z.strictObject({ ...STREAM.shape, ...PUBLISHING }).meta({ id: 'StreamWithKey' }) },
      problems: ['stream_not_found'],
    },
    async (context, { params }) => {
      const stream = await state.stream(params.stream);
      if (stream === null) return problemResponse('stream_not_found');
      return context.json({ ...describe(stream), ...publishAddress(stream, fleet, config), key: stream.key });
    },
  );

  /** The key is for those who ask for one stream. */
  function describe({ name, policy, ladder, origin }: StreamRecord): object {
    const onAir = origin !== null && fleet.member(origin)?.record.healthy === true;
    return { stream: name, policy, ladder, origin, onAir };
  }

  return [list, get];
}

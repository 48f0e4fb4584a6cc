/** /v1/streams */

import { randomBytes } from 'node:crypto';
import { MAX_RUNGS } from '@headwater/protocol/feed';
import { isStreamName } from '@headwater/protocol/names';
import { problemResponse } from '@headwater/service/problem-response';
import { Hono } from 'hono';
import { z } from 'zod';
import { publishAddress } from '../addresses.ts';
import { readBody } from '../request-body.ts';
import type { Services } from '../services.ts';
import type { StreamRecord } from '../state/state.ts';

const LADDER = z.strictObject({
  rungs: z
    .array(
      z.strictObject({
        height: z.int().min(16).max(4_320).multipleOf(2),
        bitsPerSecond: z.int().min(10_000).max(100_000_000),
      }),
    )
    .min(1)
    .max(MAX_RUNGS, `at most ${MAX_RUNGS} rungs`)
    .refine((rungs) => new Set(rungs.map(({ height }) => height)).size === rungs.length, 'two rungs of one height'),
  audioBitsPerSecond: z.int().min(8_000).max(512_000),
});

export const STREAM_NAME = z
  .string()
  .refine(isStreamName, 'wants 1 to 64 of A-Z a-z 0-9 _ -, starting with a letter or digit');

const NEW_STREAM = z.strictObject({
  name: STREAM_NAME,
  policy: z.enum(['token', 'public']),
  ladder: LADDER.optional(),
});

export function streamRoutes(services: Services): Hono {
  const { state, fleet, config, clock, events } = services;
  const routes = new Hono();

  routes.post('/', async (context) => {
    const body = await readBody(context, NEW_STREAM);
    if (!body.ok) return body.refusal;
    const { name, policy, ladder = null } = body.value;
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
  });

  routes.get('/', async (context) => {
    const streams = await state.streams();
    return context.json({ streams: streams.map(describe) });
  });

  routes.get('/:stream', async (context) => {
    const stream = await state.stream(context.req.param('stream'));
    if (stream === null) return problemResponse('stream_not_found');
    return context.json({ ...describe(stream), ...publishAddress(stream, fleet, config), key: stream.key });
  });

  routes.delete('/:stream', async (context) => {
    const name = context.req.param('stream');
    if (!(await state.deleteStream(name))) return problemResponse('stream_not_found');
    events.streamDeleted(name);
    return context.body(null, 204);
  });

  /** The key is for those who ask for one stream. */
  function describe({ name, policy, ladder, origin }: StreamRecord): object {
    const onAir = origin !== null && fleet.member(origin)?.record.healthy === true;
    return { stream: name, policy, ladder, origin, onAir };
  }

  return routes;
}

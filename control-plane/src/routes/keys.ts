/** /v1/keys: the keys of the path token. They never come out here. */

import { problemResponse } from '@headwater/service/problem-response';
import { z } from 'zod';
import { type Route, route } from '../api/operation.ts';
import { rotatePathKey } from '../path-key-rotation.ts';
import type { Services } from '../services.ts';

export function keyRoutes({ state, clock, events }: Services): Route[] {
  const rotate = route(
    {
      id: 'rotatePathKey',
      method: 'POST',
      path: '/v1/keys/rotate',
      tag: 'keys',
      access: 'path-key.rotate',
      summary: 'Makes a new key for path tokens; those of the one before stay good.',
      idempotent: true,
      answers: { 201: z.strictObject({ kid: z.string(), currentFrom: z.iso.datetime() }) },
      problems: ['too_many_requests'],
    },
    async (context) => {
      const rotation = await rotatePathKey(state, clock.nowMs());
      if (rotation === null) return problemResponse('too_many_requests', { detail: 'another rotation came between' });
      events.keyRotated(rotation.kid);
      return context.json({ kid: rotation.kid, currentFrom: new Date(rotation.currentFromMs).toISOString() }, 201);
    },
  );

  return [rotate];
}

/** /v1/keys: the keys of the path token. They never come out here. */

import { problemResponse } from '@headwater/service/problem-response';
import { Hono } from 'hono';
import { rotatePathKey } from '../path-key-rotation.ts';
import type { Services } from '../services.ts';

export function keyRoutes({ state, clock, events }: Services): Hono {
  const routes = new Hono();

  routes.post('/rotate', async (context) => {
    const rotation = await rotatePathKey(state, clock.nowMs());
    if (rotation === null) return problemResponse('too_many_requests', { detail: 'another rotation came between' });
    events.keyRotated(rotation.kid);
    return context.json({ kid: rotation.kid, currentFrom: new Date(rotation.currentFromMs).toISOString() }, 201);
  });

  return routes;
}

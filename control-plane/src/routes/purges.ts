/** /v1/purges: what edges must no longer answer with. */

import { problemResponse } from '@headwater/service/problem-response';
import { Hono } from 'hono';
import { z } from 'zod';
import { readBody } from '../request-body.ts';
import type { Services } from '../services.ts';

const TEXT = z.string().regex(/^[!-~]{1,2048}$/, 'wants 1 to 2048 printable ASCII characters without spaces');
const URL_TEXT = TEXT.refine((text) => text.startsWith('/') || /^https?:\/\/[^/]/.test(text), 'wants a path or a URL');

const NEW_PURGE = z
  .strictObject({
    url: URL_TEXT.exactOptional(),
    prefix: URL_TEXT.exactOptional(),
    tag: TEXT.exactOptional(),
    all: z.literal(true).exactOptional(),
    soft: z.boolean().default(false),
  })
  .refine(
    ({ url, prefix, tag, all }) => [url, prefix, tag, all].filter((what) => what !== undefined).length === 1,
    'wants exactly one of url, prefix, tag and all',
  );

export function purgeRoutes({ purges, events }: Services): Hono {
  const routes = new Hono();

  routes.post('/', async (context) => {
    const body = await readBody(context, NEW_PURGE);
    if (!body.ok) return body.refusal;
    const { id } = await purges.order(body.value);
    events.purgeOrdered(id);
    return context.json({ id }, 202, { location: `/v1/purges/${id}` });
  });

  routes.get('/:id', async (context) => {
    const progress = await purges.progress(context.req.param('id'));
    if (progress === null) return problemResponse('purge_not_found');
    const { purge, total, acked, missing, ms } = progress;
    return context.json({ ...purge, total, acked: acked.length, missing, ms });
  });

  return routes;
}

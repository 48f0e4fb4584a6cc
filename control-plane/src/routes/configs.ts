/** /v1/configs: settings for the whole fleet (`*`) or one stream, by numbered versions. */

import { isStreamName } from '@headwater/protocol/names';
import { ALL_STREAMS } from '@headwater/protocol/settings';
import { problemResponse } from '@headwater/service/problem-response';
import { Hono } from 'hono';
import { z } from 'zod';
import { differences } from '../config-versions.ts';
import { readBody } from '../request-body.ts';
import type { Services } from '../services.ts';
import { SETTINGS } from '../settings-schema.ts';

const SCOPE = z.string().refine((text) => text === ALL_STREAMS || isStreamName(text), 'wants * or a stream');
/** Given to so many of the nodes first, where nothing else is said. */
const CANARY_PERCENT = 10;

const NEW_VERSION = z.strictObject({
  scope: SCOPE.default(ALL_STREAMS),
  settings: SETTINGS,
  sharePercent: z.number().min(1).max(100).default(CANARY_PERCENT),
});
const ROLLBACK = z.strictObject({ version: z.int().min(0).exactOptional() });

export function configRoutes({ configs, events }: Services): Hono {
  const routes = new Hono();

  routes.post('/', async (context) => {
    const body = await readBody(context, NEW_VERSION);
    if (!body.ok) return body.refusal;
    const { scope, settings, sharePercent } = body.value;
    const before = await configs.running(scope);
    const { version } = await configs.roll(scope, settings, sharePercent);
    const base = await configs.version(scope, before.version);
    events.configRolled(scope, version, sharePercent);
    const diff = differences(base?.settings ?? {}, settings);
    return context.json({ scope, version, sharePercent, diff }, 201);
  });

  routes.get('/', async (context) => context.json({ configs: await configs.entries() }));

  routes.get('/:scope', async (context) => {
    const scope = context.req.param('scope');
    const running = await configs.running(scope);
    if (running.newest === 0) return problemResponse('config_not_found');
    return context.json({
      scope,
      ...running,
      settings: (await configs.version(scope, running.version))?.settings ?? {},
    });
  });

  routes.get('/:scope/versions/:version', async (context) => {
    const scope = context.req.param('scope');
    const number = Number(context.req.param('version'));
    const version = Number.isSafeInteger(number) ? await configs.version(scope, number) : null;
    if (version === null) return problemResponse('config_not_found');
    const previous = await configs.version(scope, number - 1);
    return context.json({ ...version, diff: differences(previous?.settings ?? {}, version.settings) });
  });

  routes.post('/:scope/promote', async (context) => {
    const scope = context.req.param('scope');
    return (await configs.promote(scope)) ? context.body(null, 204) : problemResponse('config_not_found');
  });

  routes.post('/:scope/rollback', async (context) => {
    const body = await readBody(context, ROLLBACK);
    if (!body.ok) return body.refusal;
    const scope = context.req.param('scope');
    const done = await configs.rollBack(scope, body.value.version);
    return done ? context.body(null, 204) : problemResponse('config_not_found');
  });

  return routes;
}

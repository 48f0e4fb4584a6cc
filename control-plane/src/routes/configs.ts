/** /v1/configs: settings for the whole fleet (`*`) or one stream, by numbered versions. */

import { isStreamName } from '@headwater/protocol/names';
import { ALL_STREAMS } from '@headwater/protocol/settings';
import { problemResponse } from '@headwater/service/problem-response';
import { z } from 'zod';
import { type Route, route } from '../api/operation.ts';
import { PAGE, pageOf, sendPage } from '../api/pages.ts';
import { entityTag } from '../api/entity-tag.ts';
import { differences } from '../config-versions.ts';
import type { Services } from '../services.ts';
import { CONFIG_ENTRY, SETTINGS } from '../settings-schema.ts';

const SCOPE = z.string().refine(isScope, 'wants * or a stream');
/** Given to so many of the nodes first, where nothing else is said. */
const CANARY_PERCENT = 10;

const NEW_VERSION = z.strictObject({
  scope: SCOPE.default(ALL_STREAMS),
  settings: SETTINGS,
  sharePercent: z
    .number()
    .min(1)
    .max(100)
    .default(CANARY_PERCENT)
    .describe('of the nodes; more when no edge that lives would be among them'),
});
const ROLLBACK = z.strictObject({ version: z.int().min(0).exactOptional() });

const DIFF = z.array(z.strictObject({ path: z.string(), from: z.unknown(), to: z.unknown() }));
const ROLLED = z
  .strictObject({ scope: SCOPE, version: z.int(), sharePercent: z.number(), diff: DIFF })
  .meta({ id: 'RolledConfig' });
const RUNNING = z
  .strictObject({
    scope: SCOPE,
    version: z.int(),
    newest: z.int().describe('the newest version there is; numbers are never used twice'),
    canary: z.strictObject({ version: z.int(), sharePercent: z.number(), sinceMs: z.int() }).nullable(),
    settings: SETTINGS,
  })
  .meta({ id: 'RunningConfig' });
const VERSION = z
  .strictObject({ scope: SCOPE, version: z.int(), settings: SETTINGS, madeAtMs: z.int(), diff: DIFF })
  .meta({ id: 'ConfigVersion' });

export function configRoutes(services: Services): Route[] {
  return [...readingRoutes(services), ...changingRoutes(services)];
}

function isScope(text: string): boolean {
  return text === ALL_STREAMS || isStreamName(text);
}

function readingRoutes({ configs }: Services): Route[] {
  const list = route(
    {
      id: 'listConfigs',
      method: 'GET',
      path: '/v1/configs',
      tag: 'configs',
      access: 'config.read',
      summary: 'What runs in every scope.',
      query: PAGE,
      tagged: true,
      answers: { 200: z.strictObject({ configs: z.array(CONFIG_ENTRY) }) },
    },
    async (context, { query }) =>
      sendPage(context, query, {
        name: 'configs',
        load: async (page) => pageOf(await configs.entries(), ({ scope }) => scope, page),
        idOf: ({ scope }) => scope,
        describe: (entry) => entry,
      }),
  );

  const get = route(
    {
      id: 'getConfig',
      method: 'GET',
      path: '/v1/configs/:scope',
      tag: 'configs',
      access: 'config.read',
      summary: 'What runs in one scope, and the canary.',
      tagged: true,
      answers: { 200: RUNNING },
      problems: ['config_not_found'],
    },
    async (context, { params: { scope } }) => {
      const running = isScope(scope) ? await configs.running(scope) : null;
      if (running === null || running.newest === 0) return problemResponse('config_not_found');
      const settings = (await configs.version(scope, running.version))?.settings ?? {};
      // A version's settings never change: what runs says it all.
      return context.json({ scope, ...running, settings }, 200, { etag: entityTag({ scope, ...running }) });
    },
  );

  const version = route(
    {
      id: 'getConfigVersion',
      method: 'GET',
      path: '/v1/configs/:scope/versions/:version',
      tag: 'configs',
      access: 'config.read',
      summary: 'One version, and what it changed.',
      tagged: true,
      answers: { 200: VERSION },
      problems: ['config_not_found'],
    },
    async (context, { params: { scope, version: text } }) => {
      const number = Number(text);
      const found = isScope(scope) && Number.isSafeInteger(number) ? await configs.version(scope, number) : null;
      if (found === null) return problemResponse('config_not_found');
      const previous = await configs.version(scope, number - 1);
      return context.json({ ...found, diff: differences(previous?.settings ?? {}, found.settings) });
    },
  );

  return [list, get, version];
}

function changingRoutes({ configs, events }: Services): Route[] {
  const roll = route(
    {
      id: 'rollConfig',
      method: 'POST',
      path: '/v1/configs',
      tag: 'configs',
      access: 'config.change',
      summary: 'Makes a version and gives it to a share of the nodes first. If-Match: of GET /v1/configs/{scope}.',
      body: NEW_VERSION,
      tagged: true,
      idempotent: true,
      answers: { 201: ROLLED },
    },
    async (context, { body, ifMatch }) => {
      const { scope, settings, sharePercent } = body;
      const before = await configs.running(scope);
      const rolled = await configs.roll(scope, { settings, sharePercent }, (now) => ifMatch({ scope, ...now }));
      if (rolled === null) return problemResponse('precondition_failed');
      const { version, sharePercent: share } = rolled;
      const base = await configs.version(scope, before.version);
      events.configRolled(scope, version, share);
      const diff = differences(base?.settings ?? {}, settings);
      return context.json({ scope, version, sharePercent: share, diff }, 201);
    },
  );

  const promote = route(
    {
      id: 'promoteConfig',
      method: 'POST',
      path: '/v1/configs/:scope/promote',
      tag: 'configs',
      access: 'config.change',
      summary: 'Gives the canary to all nodes.',
      tagged: true,
      answers: { 204: null },
      problems: ['config_not_found'],
    },
    async (context, { params: { scope }, ifMatch }) => {
      if (!isScope(scope)) return problemResponse('config_not_found');
      if (await configs.promote(scope, (now) => ifMatch({ scope, ...now }))) return context.body(null, 204);
      return unchanged(ifMatch({ scope, ...(await configs.running(scope)) }));
    },
  );

  const rollBack = route(
    {
      id: 'rollBackConfig',
      method: 'POST',
      path: '/v1/configs/:scope/rollback',
      tag: 'configs',
      access: 'config.change',
      summary: 'Takes the canary back, or goes to an earlier version; 0 is the defaults.',
      body: ROLLBACK,
      tagged: true,
      answers: { 204: null },
      problems: ['config_not_found'],
    },
    async (context, { params: { scope }, body: { version }, ifMatch }) => {
      if (!isScope(scope)) return problemResponse('config_not_found');
      if (await configs.rollBack(scope, version, (now) => ifMatch({ scope, ...now }))) return context.body(null, 204);
      return unchanged(ifMatch({ scope, ...(await configs.running(scope)) }));
    },
  );

  return [roll, promote, rollBack];
}

function unchanged(isMeant: boolean): Response {
  return problemResponse(isMeant ? 'config_not_found' : 'precondition_failed');
}

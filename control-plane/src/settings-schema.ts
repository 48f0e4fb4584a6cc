/** The one schema that every version of the settings passes before it is kept. */

import { parseIpPrefix } from '@headwater/protocol/ip-prefix';
import { isStreamName, isZone } from '@headwater/protocol/names';
import type { Settings } from '@headwater/protocol/settings';
import { z } from 'zod';

const LIST_LIMIT = 1_000;
const RULE_LIMIT = 200;

export const RULE = z.strictObject({
  prefixes: z
    .array(z.string().refine((text) => parseIpPrefix(text) !== null, 'wants prefixes such as 203.0.113.0/24'))
    .max(LIST_LIMIT)
    .exactOptional(),
  asns: z.array(z.int().min(1).max(4_294_967_295)).max(LIST_LIMIT).exactOptional(),
  countries: z
    .array(z.string().regex(/^[A-Z]{2}$/))
    .max(LIST_LIMIT)
    .exactOptional(),
  streams: z.array(z.string().refine(isStreamName)).max(LIST_LIMIT).exactOptional(),
  zones: z.array(z.string().refine(isZone)).min(1).max(LIST_LIMIT),
  exclusive: z.boolean().exactOptional(),
});

const RANKING = z
  .strictObject({
    rules: z.array(RULE).max(RULE_LIMIT).exactOptional(),
    busyFromLoad: z.number().min(0.1).max(1).exactOptional(),
    busyUntilLoad: z.number().min(0).max(1).exactOptional(),
    slowStartSeconds: z.number().min(0).max(3_600).exactOptional(),
    boundedLoadFactor: z.number().min(1).max(10).exactOptional(),
  })
  .refine(
    ({ busyFromLoad = 0.9, busyUntilLoad = 0.75 }) => busyUntilLoad <= busyFromLoad,
    'busyUntilLoad must not be above busyFromLoad',
  );

export const SETTINGS: z.ZodType<Settings> = z
  .strictObject({
    edgeDeadlineMs: z.int().min(100).max(60_000).exactOptional(),
    steeringTtlSeconds: z.int().min(2).max(5).exactOptional(),
    ranking: RANKING.exactOptional(),
  })
  .meta({ id: 'Settings' });

/** What runs in a scope, as the nodes are told of it. */
export const CONFIG_ENTRY = z
  .strictObject({
    scope: z.string(),
    version: z.int(),
    settings: SETTINGS,
    canary: z
      .strictObject({ sharePercent: z.number(), base: z.strictObject({ version: z.int(), settings: SETTINGS }) })
      .nullable()
      .describe('while only a share of the nodes runs this version'),
  })
  .meta({ id: 'ConfigEntry' });

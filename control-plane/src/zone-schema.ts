/** Pull zones as schemas. What a field may hold is said once, in `@headwater/protocol/zone`, for the API and for files. */

import { ANY_HOST, ZONE_HOST_LIMIT, ZONE_ORIGIN_LIMIT, isZoneName, parseZone } from '@headwater/protocol/zone';
import { z } from 'zod';
import { POLICY } from './stream-schema.ts';

export const ZONE_NAME = z
  .string()
  .refine(isZoneName, 'wants 1 to 64 of A-Z a-z 0-9 _ -, starting with a letter or digit');

const FORM = {
  hosts: z
    .array(z.string())
    .min(1)
    .max(ZONE_HOST_LIMIT)
    .default([ANY_HOST])
    .describe('without ports; ["*"]: every host that no zone names'),
  pathPrefix: z.string().default('/').describe('ends at a segment; the path goes on to the origin unchanged'),
  origins: z.array(z.string()).min(1).max(ZONE_ORIGIN_LIMIT).describe('http://HOST:PORT or https://HOST:PORT'),
  policy: POLICY,
};

/** What no schema sees: the form of each text, and what fits together. */
function judge(value: object, context: z.core.$RefinementCtx): void {
  const reading = parseZone({ name: 'zone', ...value });
  if (reading.ok) return;
  const path = reading.field.split(/[[\]]+/).filter((part) => part !== '');
  context.addIssue({ code: 'custom', path, message: reading.complaint });
}

/** A zone as it is kept and told of. */
export const ZONE = z.strictObject({ name: ZONE_NAME, ...FORM }).meta({ id: 'Zone' });

export const NEW_ZONE = z.strictObject({ name: ZONE_NAME, ...FORM }).superRefine(judge);

/** Its name is in the path. */
export const CHANGED_ZONE = z.strictObject(FORM).superRefine(judge);

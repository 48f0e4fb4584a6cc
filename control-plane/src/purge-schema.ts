/** Purges as schemas. */

import { readPurge } from '@headwater/protocol/purge-scope';
import { z } from 'zod';

const TEXT = z.string().regex(/^[!-~]{1,2048}$/, 'wants 1 to 2048 printable ASCII characters without spaces');
const URL_TEXT = TEXT.refine((text) => text.startsWith('/') || /^https?:\/\/[^/]/.test(text), 'wants a path or a URL');

const WHAT = {
  url: URL_TEXT.exactOptional(),
  prefix: URL_TEXT.exactOptional(),
  tag: TEXT.exactOptional(),
  all: z.literal(true).exactOptional(),
};

export const NEW_PURGE = z
  .strictObject({ ...WHAT, soft: z.boolean().default(false) })
  .refine(
    ({ url, prefix, tag, all }) => [url, prefix, tag, all].filter((what) => what !== undefined).length === 1,
    'wants exactly one of url, prefix, tag and all',
  )
  .superRefine((order, context) => {
    const scope = readPurge(order);
    if (typeof scope === 'string') context.addIssue({ code: 'custom', message: scope });
  });

export const PURGE = z
  .strictObject({ ...WHAT, id: z.string(), soft: z.boolean(), atMs: z.int() })
  .meta({ id: 'Purge' });

/** Lists in pages: `?limit=&cursor=`, and where there is more a `Link` to it (RFC 8288). */

import { z } from 'zod';
import type { Page } from '../state/store.ts';
import type { ApiContext } from './operation.ts';

/** So many are in one answer, at the most and where nothing else is asked. */
const PAGE_LIMIT = 1_000;

/** The query of every list. */
export const PAGE = z.object({
  limit: z.coerce.number().int().min(1).max(PAGE_LIMIT).default(PAGE_LIMIT).describe('so many at the most'),
  cursor: z
    .string()
    .max(1_024)
    .refine((text) => encode(decode(text)) === text, 'is not one that a Link gave')
    .optional()
    .describe('of the Link to the next page'),
});

interface List<T> {
  /** of the member of the answer that holds the items */
  readonly name: string;
  /** items in the order of their ids */
  readonly load: (page: Required<Page>) => Promise<readonly T[]>;
  readonly idOf: (item: T) => string;
  readonly describe: (item: T) => object;
}

/** Answers with one page. */
export async function sendPage<T>(
  context: ApiContext,
  { limit, cursor = '' }: z.output<typeof PAGE>,
  { name, load, idOf, describe }: List<T>,
): Promise<Response> {
  const found = await load({ after: decode(cursor), limit: limit + 1 });
  const shown = found.slice(0, limit);
  const last = shown.at(-1);
  const hasMore = found.length > limit && last !== undefined;
  const next = `${context.req.path}?limit=${limit}&cursor=${last === undefined ? '' : encode(idOf(last))}`;
  return context.json({ [name]: shown.map(describe) }, 200, hasMore ? { link: `<${next}>; rel="next"` } : {});
}

/** Pages of what is at hand as a whole. */
export function pageOf<T>(all: readonly T[], idOf: (item: T) => string, { after, limit }: Required<Page>): T[] {
  const byId = (a: T, b: T): number => (idOf(a) < idOf(b) ? -1 : 1);
  return all
    .filter((item) => idOf(item) > after)
    .sort(byId)
    .slice(0, limit);
}

function encode(id: string): string {
  return Buffer.from(id).toString('base64url');
}

function decode(cursor: string): string {
  return Buffer.from(cursor, 'base64url').toString();
}

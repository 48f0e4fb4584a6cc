/** `HEADWATER_EDGE_PARENTS`: which edges this one asks before an origin. */

import type { Weighted } from './rendezvous.ts';

/** More parents than this are a mistake: each edge keeps connections to all, and asks each how it is. */
const PARENTS_LIMIT = 64;
const WEIGHT = /^weight=(\d{1,4})$/;

/**
 * Reads `URL[;weight=N], …`; the weight is 1 unless said.
 * @returns null for what does not read as that
 */
export function parseParents(text: string): Weighted[] | null {
  if (text.trim() === '') return [];
  const parents = text.split(',').map((entry) => parseParent(entry.trim()));
  if (parents.length > PARENTS_LIMIT || !parents.every((parent) => parent !== null)) return null;
  const isOnce = new Set(parents.map(({ url }) => url)).size === parents.length;
  return isOnce ? parents : null;
}

function parseParent(entry: string): Weighted | null {
  const [address = '', option, ...rest] = entry.split(';').map((piece) => piece.trim());
  if (rest.length > 0 || !URL.canParse(address)) return null;
  const url = new URL(address);
  const isPlain = url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '';
  if (!/^https?:$/.test(url.protocol) || !isPlain) return null;
  const weight = option === undefined ? 1 : Number(WEIGHT.exec(option)?.[1] ?? 0);
  return weight === 0 ? null : { url: url.origin, weight };
}

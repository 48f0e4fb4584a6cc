/** Cache-Status of a node of several workers: one member for all of them, which is true of the node. */

import { type CacheOutcome, formatCacheStatus, formatIdentifier } from '../http-cache/cache-status.ts';

/** How a worker names itself to another of its node. */
export const OWNER = 'headwater-owner';

const OWNERS_MEMBER = new RegExp(`(?:^|, )${OWNER}(;[^,]*)$`);

/**
 * The value of the field. Where the worker that owns the object was asked, its word counts: it knows whether the origin was.
 * @param before what came with the response, or was stored with it
 */
export function nodeStatus(edgeId: string, outcome: CacheOutcome, before = ''): string {
  const match = OWNERS_MEMBER.exec(before);
  if (match === null) return formatCacheStatus(edgeId, outcome, before);
  const others = before.slice(0, match.index);
  if (outcome.kind !== 'forwarded') return formatCacheStatus(edgeId, outcome, others);
  const [, told = ''] = match;
  // Who waited here for another's question to the owner waited for the owner's question to the origin.
  const isJoined = outcome.isCollapsed === true && told.includes('; fwd=') && !told.includes('; collapsed');
  const own = `${formatIdentifier(edgeId)}${told}${isJoined ? '; collapsed' : ''}`;
  return others === '' ? own : `${others}, ${own}`;
}

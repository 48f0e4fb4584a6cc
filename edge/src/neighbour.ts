/** Another edge of the fleet that asks this one: how it is known, and what it must not be given. */

import type { PurgePoint } from '@headwater/protocol/feed';
import { LAST_PURGE, NODE_PASS } from '@headwater/protocol/headers';
import type { PassPurpose } from '@headwater/protocol/node-pass';
import type { Edge } from './edge.ts';
import { parsePurgePoint } from './purge-ledger.ts';
import type { ViewerRequest } from './viewer-exchange.ts';

/** So long an edge waits for its own feed, when a child was told to forget something that it was not. */
const PURGE_NEWS_MS = 1_000;

export function isNeighbour({ passes }: Edge, { headers }: ViewerRequest, purpose: PassPurpose): boolean {
  const pass = headers[NODE_PASS];
  return pass !== undefined && passes.check(pass, purpose) !== null;
}

/** The last purge that the child carried out, if this edge has not; null when there is nothing to wait for. */
export function missingPurge({ purges }: Edge, { headers }: ViewerRequest): PurgePoint | null {
  const told = headers[LAST_PURGE];
  const point = typeof told === 'string' ? parsePurgePoint(told) : null;
  return point === null || purges.covers(point) ? null : point;
}

/** Waits for a purge; false when it does not come in good time. */
export function hasCaughtUp({ purges }: Edge, point: PurgePoint, signal: AbortSignal): Promise<boolean> {
  return purges.until(point, { withinMs: PURGE_NEWS_MS, signal });
}

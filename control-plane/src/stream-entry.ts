/** A stream as the nodes are told of it: the publish key stays here, its hash goes out. */

import { createHash } from 'node:crypto';
import type { StreamEntry } from '@headwater/protocol/feed';
import type { StreamRecord } from './state/state.ts';

/** SHA-256 of a publish key, base64url. */
export function publishKeyHash(key: string): string {
  return createHash('sha256').update(key).digest('base64url');
}

export function streamEntry(record: StreamRecord): StreamEntry {
  const { name, policy, ladder, origin, key } = record;
  return { name, policy, ladder, origin, keyHash: publishKeyHash(key) };
}

/** Nodes for tests: everything that a test does not care about is filled in. */

import { IDLE_LOAD, type Load, type NodeDescription, type NodeRecord } from './node.ts';

/** What an edge would say of itself. */
export function testNode(change: Partial<NodeDescription> = {}): NodeDescription {
  const id = change.id ?? 'edge-1';
  return {
    id,
    role: 'edge',
    url: `http://${id}.example`,
    place: null,
    zone: 'default',
    failureDomain: id,
    capacityBitsPerSecond: 1_000_000_000,
    version: '1',
    ...change,
  };
}

/** A healthy edge in service, as the feed tells of it. */
export function testRecord(
  change: Partial<Omit<NodeRecord, 'load'>> & { readonly load?: Partial<Load> } = {},
): NodeRecord {
  const { load, generation = 1, healthy = true, draining = false, servingSinceMs = 0, ...description } = change;
  return {
    ...testNode(description),
    generation,
    healthy,
    draining,
    servingSinceMs,
    load: { ...IDLE_LOAD, ...load },
  };
}

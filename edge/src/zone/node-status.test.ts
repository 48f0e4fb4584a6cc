import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CacheOutcome } from '../http-cache/cache-status.ts';
import { nodeStatus } from './node-status.ts';

const MISS: CacheOutcome = { kind: 'forwarded', fwd: 'uri-miss' };
const JOINED: CacheOutcome = { kind: 'forwarded', fwd: 'uri-miss', isCollapsed: true };
const HIT: CacheOutcome = { kind: 'hit', ttlS: 5 };

for (const [name, outcome, before, wanted] of [
  ['nobody else asked', MISS, undefined, 'edge-1; fwd=uri-miss'],
  ['after the caches behind us', MISS, 'shield; hit', 'shield; hit, edge-1; fwd=uri-miss'],
  ['the owner had it', MISS, 'headwater-owner; hit; ttl=9', 'edge-1; hit; ttl=9'],
  [
    'the owner asked',
    MISS,
    'shield; hit, headwater-owner; fwd=stale; stored',
    'shield; hit, edge-1; fwd=stale; stored',
  ],
  ['who waited for the owner', JOINED, 'headwater-owner; fwd=uri-miss', 'edge-1; fwd=uri-miss; collapsed'],
  ['who waited twice', JOINED, 'headwater-owner; fwd=uri-miss; collapsed', 'edge-1; fwd=uri-miss; collapsed'],
  ['who waited for what the owner had', JOINED, 'headwater-owner; hit', 'edge-1; hit'],
  ['had from the owner before', HIT, 'shield; hit, headwater-owner; fwd=uri-miss', 'shield; hit, edge-1; hit; ttl=5'],
  [
    'another cache of that name',
    MISS,
    'headwater-owner; hit, shield; hit',
    'headwater-owner; hit, shield; hit, edge-1; fwd=uri-miss',
  ],
] as const) {
  test(name, () => assert.equal(nodeStatus('edge-1', outcome, before), wanted));
}

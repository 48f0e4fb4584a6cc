import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FeedState } from '@headwater/protocol/feed-state';
import { testRecord } from '@headwater/protocol/test-node';
import { pathwaysOf, prioritize } from './pathways.ts';

type Change = NonNullable<Parameters<typeof testRecord>[0]>;

function feedOf(...nodes: Change[]): FeedState {
  const feed = new FeedState();
  const messages = nodes.map((node) => ({ type: 'node', node: testRecord(node) }) as const);
  feed.apply({ cursor: '1', snapshot: true, messages });
  return feed;
}

const OWN: Change = { id: 'edge-1', failureDomain: 'rack-1' };

test('this edge comes first, by relative URLs; others follow that would not fail with it', () => {
  const feed = feedOf(
    OWN,
    { id: 'edge-2', failureDomain: 'rack-1' },
    { id: 'edge-3', failureDomain: 'rack-2' },
    { id: 'edge-4', failureDomain: 'rack-3' },
  );
  const { ways } = pathwaysOf(feed, 'edge-1', 'show');
  assert.deepEqual(ways[0], { id: 'edge-1', baseUrl: null });
  const others = new Set(ways.slice(1).map(({ id }) => id));
  assert.deepEqual(others, new Set(['edge-3', 'edge-4']));
});

test('an edge that is down, drains or is not admitted is no way; without another there is only this one', () => {
  const feed = feedOf(
    OWN,
    { id: 'edge-2', healthy: false },
    { id: 'edge-3', draining: true },
    { id: 'edge-4', servingSinceMs: null },
    { id: 'origin-1', role: 'origin' },
  );
  assert.deepEqual(pathwaysOf(feed, 'edge-1', 'show').ways, [{ id: 'edge-1', baseUrl: null }]);
  assert.deepEqual(pathwaysOf(new FeedState(), 'edge-1', 'show').ways, [{ id: 'edge-1', baseUrl: null }]);
});

test('a draining edge names itself last', () => {
  const feed = feedOf({ ...OWN, draining: true }, { id: 'edge-2' });
  assert.deepEqual(
    pathwaysOf(feed, 'edge-1', 'show').ways.map(({ id }) => id),
    ['edge-2', 'edge-1'],
  );
});

test('players ask a geo that is there, the same one for a stream; without one this edge answers', () => {
  const geo = (id: string, change: Change = {}): Change => ({ id, role: 'geo', ...change });
  const feed = feedOf(OWN, geo('geo-1'), geo('geo-2'), geo('geo-3', { healthy: false }));
  const streams = Array.from({ length: 200 }, (_, n) => `s${n}`);
  const bases = new Set(streams.map((stream) => pathwaysOf(feed, 'edge-1', stream).steeringBase));
  assert.deepEqual(bases, new Set(['http://geo-1.example', 'http://geo-2.example']));
  assert.equal(pathwaysOf(feed, 'edge-2', 's1').steeringBase, pathwaysOf(feed, 'edge-1', 's1').steeringBase);
  assert.equal(pathwaysOf(feedOf(OWN), 'edge-1', 'show').steeringBase, null);
});

test('an edge that is asked for the order says who serves before who does not', () => {
  const feed = feedOf(OWN, { id: 'edge-2', draining: true }, { id: 'edge-3', healthy: false }, { id: 'edge-4' });
  const ids = ['gone', 'edge-3', 'edge-2', 'edge-1', 'edge-4'];
  assert.deepEqual(prioritize(feed, ids), ['edge-1', 'edge-4', 'edge-2', 'edge-3', 'gone']);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FeedState } from '@headwater/protocol/feed-state';
import { IDLE_LOAD } from '@headwater/protocol/node';
import { testRecord } from '@headwater/protocol/test-node';
import { ManualClock } from '@headwater/service/clock';
import { Departures } from './departures.ts';
import { EdgeViews } from './edge-views.ts';
import type { Verdict } from './health.ts';

function makeViews() {
  const state = new FeedState();
  const clock = new ManualClock(1_000_000);
  const found: { verdict: Verdict } = { verdict: 'up' };
  const probes = { verdict: () => found.verdict };
  const departures = new Departures({ clock, edgeCount: () => 2 });
  const views = new EdgeViews({ state, clock, nodeId: 'geo-1', probes, departures });
  const tell = (change: Parameters<typeof testRecord>[0] = {}): void =>
    state.apply({ cursor: '1', snapshot: false, messages: [{ type: 'node', node: testRecord(change) }] });
  tell();
  return { state, clock, found, departures, tell, view: () => views.look()[0], views };
}

test('an overloaded edge stays so until it has clearly recovered', () => {
  const { tell, view } = makeViews();
  const busyAt = (cpu: number): boolean | undefined => {
    tell({ load: { cpu } });
    return view()?.busy;
  };
  assert.deepEqual([0.89, 0.9, 0.8, 0.75, 0.74, 0.89].map(busyAt), [false, true, true, true, false, false]);
});

test('an edge that went down three times within two minutes is suspect until one of them is past', () => {
  const { clock, found, view } = makeViews();
  const flap = (): void => {
    for (const verdict of ['down', 'up'] as const) {
      found.verdict = verdict;
      view();
      clock.advance(10_000);
    }
  };
  flap();
  flap();
  assert.equal(view()?.suspicion, null);
  flap();
  assert.equal(view()?.suspicion, 'flapping');
  clock.advance(60_000);
  assert.equal(view()?.suspicion, 'flapping');
  clock.advance(1);
  assert.equal(view()?.suspicion, null);
});

test('whether an edge answers is what the probes found; without them the feed’s word counts', () => {
  const { found, tell, view } = makeViews();
  found.verdict = 'down';
  assert.equal(view()?.answers, false);
  found.verdict = 'unknown';
  assert.equal(view()?.answers, true);
  tell({ healthy: false });
  assert.equal(view()?.answers, false);
  found.verdict = 'up';
  assert.equal(view()?.answers, true, 'cut off from the control plane, not from us');
});

test('viewers just sent count until the edge tells its load', () => {
  const { tell, view, views } = makeViews();
  view();
  views.sent('edge-1');
  views.sent('edge-1');
  views.sent('nobody');
  assert.equal(view()?.pendingViewers, 2);
  tell({ load: { ...IDLE_LOAD, egressBytesPerSecond: 1 } });
  assert.equal(view()?.pendingViewers, 0);
});

test('an edge of whose answers a tenth fails is suspect, and for half a minute after', () => {
  const { clock, tell, view } = makeViews();
  const failing = (requestsPerSecond: number, errorsPerSecond: number): unknown => {
    tell({ load: { requestsPerSecond, errorsPerSecond } });
    return view()?.suspicion;
  };
  assert.equal(failing(100, 9.9), null);
  assert.equal(failing(1, 0.9), null, 'a single failure in a quiet second');
  assert.equal(failing(100, 10), 'failing');
  clock.advance(29_999);
  assert.equal(failing(0, 0), 'failing');
  clock.advance(1);
  assert.equal(view()?.suspicion, null);
});

test('an edge that players left is suspect, until it is another one by that name', () => {
  const { departures, tell, view, views, state } = makeViews();
  const id = view()?.node.id ?? '';
  for (const address of ['192.0.2.1', '198.51.100.1', '203.0.113.1']) departures.left(id, address);
  assert.equal(view()?.suspicion, 'left');
  state.apply({ cursor: '2', snapshot: false, messages: [{ type: 'node-removed', id }] });
  views.look();
  tell();
  assert.equal(view()?.suspicion, null);
});

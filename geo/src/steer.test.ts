import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FeedState } from '@headwater/protocol/feed-state';
import type { ConfigEntry } from '@headwater/protocol/settings';
import { steeringPath } from '@headwater/protocol/steering';
import { testRecord } from '@headwater/protocol/test-node';
import { ManualClock } from '@headwater/service/clock';
import type { Door } from './door.ts';
import { Departures } from './departures.ts';
import { EdgeViews } from './edge-views.ts';
import type { Verdict } from './health.ts';
import { UsedTokens } from './replay-guard.ts';
import { answerSteering } from './steer.ts';

const LOCATION = { place: null, country: null, asn: null, source: 'unknown' } as const;

function makeDoor(): { door: Door; verdicts: Map<string, Verdict>; state: FeedState } {
  const state = new FeedState();
  const messages = ['edge-1', 'edge-2', 'edge-3'].map((id) => ({ type: 'node', node: testRecord({ id }) }) as const);
  state.apply({ cursor: '1', snapshot: true, messages });
  const clock = new ManualClock(1_000_000_000);
  const verdicts = new Map<string, Verdict>();
  const nodeId = 'geo-1';
  const departures = new Departures({ clock, edgeCount: () => messages.length });
  const probes = { verdict: (id: string) => verdicts.get(id) ?? 'up' };
  const edges = new EdgeViews({ state, clock, nodeId, probes, departures });
  const parts = { trustedProxies: [], audience: 'headwater', nodeId, replay: new UsedTokens(clock) };
  return { door: { state, locate: () => LOCATION, edges, departures, clock, ...parts }, verdicts, state };
}

interface Manifest {
  readonly VERSION: number;
  readonly TTL: number;
  readonly 'PATHWAY-PRIORITY': readonly string[];
  readonly 'RELOAD-URI': string;
}

const ORIGIN = 'http://geo.example:7100';

function ask(door: Door, pathways: readonly string[]): Manifest {
  const url = steeringPath('hls', { stream: 'show', pathways });
  const answer = answerSteering({ origin: ORIGIN, url, socketAddress: '203.0.113.7', forwardedFor: undefined }, door);
  return JSON.parse(answer ?? '') as Manifest;
}

function order(door: Door, pathways: readonly string[]): readonly string[] {
  return ask(door, pathways)['PATHWAY-PRIORITY'];
}

test('a player is told of its own pathways alone, the best first', () => {
  const { door, verdicts } = makeDoor();
  const { VERSION: version, TTL: ttl } = ask(door, ['edge-1', 'edge-2']);
  assert.deepEqual([version, ttl], [1, 2]);
  const [best = ''] = order(door, ['edge-1', 'edge-2']);
  verdicts.set(best, 'down');
  assert.notEqual(order(door, ['edge-1', 'edge-2'])[0], best);
  assert.deepEqual(order(door, ['edge-9', 'edge-3']), ['edge-3', 'edge-9']);
  assert.deepEqual(order(door, ['edge-9']), ['edge-9'], 'it knows no other');
});

test('an edge that drains is left, and one that was lost by the control plane too', () => {
  const { door, state } = makeDoor();
  const [best = '', other] = order(door, ['edge-1', 'edge-2']);
  for (const change of [{ draining: true }, { healthy: false }]) {
    const node = testRecord({ id: best, ...change });
    state.apply({ cursor: '2', snapshot: false, messages: [{ type: 'node', node }] });
    assert.deepEqual(order(door, ['edge-1', 'edge-2']), [other, best]);
  }
});

test('the time to live is what is configured, for the stream before all', () => {
  const { door, state } = makeDoor();
  const config = (scope: string, steeringTtlSeconds: number): ConfigEntry => {
    return { scope, version: 1, settings: { steeringTtlSeconds }, canary: null };
  };
  const apply = (entry: ConfigEntry): void =>
    state.apply({ cursor: '2', snapshot: false, messages: [{ type: 'config', config: entry }] });
  apply(config('*', 4));
  assert.equal(ask(door, ['edge-1']).TTL, 4);
  apply(config('show', 5));
  assert.equal(ask(door, ['edge-1']).TTL, 5);
});

test('what is no question is not answered', () => {
  const { door } = makeDoor();
  const asked = { origin: ORIGIN, url: '/steering/hls?stream=a/b', socketAddress: '::1', forwardedFor: undefined };
  assert.equal(answerSteering(asked, door), null);
});

test('an edge that players of several networks leave though they were told to stay is avoided', () => {
  const { door } = makeDoor();
  const pathways = ['edge-1', 'edge-2', 'edge-3'];
  const [best = '', other = ''] = order(door, pathways);
  const askFrom = (address: string, url: string, current: string): Manifest => {
    const asked = {
      origin: ORIGIN,
      url: `${url}&_HLS_pathway=${current}`,
      socketAddress: address,
      forwardedFor: undefined,
    };
    return JSON.parse(answerSteering(asked, door) ?? '') as Manifest;
  };
  const first = steeringPath('hls', { stream: 'show', pathways });
  const nextOf = (answer: Manifest): string => answer['RELOAD-URI'].slice(ORIGIN.length);
  const addresses = ['192.0.2.1', '192.0.2.2', '198.51.100.1', '203.0.113.1'];
  const asked = addresses.map((address) => [address, nextOf(askFrom(address, first, best))] as const);
  assert.ok(asked.every(([, next]) => next === `${first}&stayed=${best}`));
  assert.ok(!nextOf(askFrom('192.0.2.1', first, other)).includes('stayed'), 'it was not told to stay there');
  for (const [address, next] of asked) {
    assert.equal(order(door, pathways)[0], best, 'three networks must have left');
    askFrom(address, next, other);
  }
  assert.equal(order(door, pathways).at(-1), best);
});

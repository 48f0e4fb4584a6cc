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

function makeDoor(): {
  readonly door: Door;
  readonly verdicts: Map<string, Verdict>;
  readonly state: FeedState;
  readonly clock: ManualClock;
} {
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
  return { door: { state, locate: () => LOCATION, edges, departures, clock, ...parts }, verdicts, state, clock };
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
  const { door, state } = makeDoor();
  const pathways = ['edge-1', 'edge-2', 'edge-3'];
  const [best = '', other = ''] = order(door, pathways);
  const drain = (draining: boolean): void =>
    state.apply({
      cursor: '2',
      snapshot: false,
      messages: [{ type: 'node', node: testRecord({ id: other, draining }) }],
    });
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
  drain(true);
  assert.ok(!nextOf(askFrom('192.0.2.1', first, other)).includes('stayed'), 'it was not told to stay there');
  drain(false);
  for (const [address, next] of asked) {
    assert.equal(order(door, pathways)[0], best, 'three networks must have left');
    askFrom(address, next, other);
  }
  assert.equal(order(door, pathways).at(-1), best);
});

test('what is said of an edge that is not there is not remembered', () => {
  const left: string[] = [];
  const { door } = makeDoor();
  const departures = { stayed: () => undefined, left: (edge: string) => void left.push(edge) };
  const asked = { origin: ORIGIN, socketAddress: '203.0.113.7', forwardedFor: undefined };
  for (const stayed of ['edge-9', 'edge-1']) {
    const path = steeringPath('hls', { stream: 'show', pathways: [stayed, 'edge-2'], stayed });
    answerSteering({ ...asked, url: `${path}&_HLS_pathway=edge-2` }, { ...door, departures });
  }
  assert.deepEqual(left, ['edge-1']);
});

/** Players on three equal edges that ask whenever they should, while each edge tells its load once a second. */
function play(shares: readonly number[], { viewerShare, seconds }: { viewerShare: number; seconds: number }) {
  const { door, state, clock } = makeDoor();
  const pathways = ['edge-1', 'edge-2', 'edge-3'];
  const players = shares.flatMap((count, index) => Array<string>(count).fill(pathways[index] ?? ''));
  const url = steeringPath('hls', { stream: 'show', pathways });
  const loadOf = (id: string): number => players.filter((edge) => edge === id).length * viewerShare;
  let moves = 0;
  let highest = 0;
  for (let second = 0; second < seconds; second += 1) {
    const messages = pathways.map((id) => {
      const node = testRecord({ id, load: { egressBytesPerSecond: (loadOf(id) * 1e9) / 8 } });
      return { type: 'node', node } as const;
    });
    state.apply({ cursor: '2', snapshot: false, messages });
    for (const [index, edge] of players.entries()) {
      if (index % 2 !== second % 2) continue;
      const asked = { origin: ORIGIN, socketAddress: `10.0.${index}.1`, forwardedFor: undefined };
      const answer = JSON.parse(
        answerSteering({ ...asked, url: `${url}&_HLS_pathway=${edge}` }, door) ?? '',
      ) as Manifest;
      const [next = ''] = answer['PATHWAY-PRIORITY'];
      moves += Number(next !== edge);
      players[index] = next;
    }
    highest = Math.max(highest, ...pathways.slice(1).map(loadOf));
    clock.advance(1_000);
  }
  return { moves, highest, first: loadOf('edge-1') };
}

test('players are not driven from one equal edge to another and back', () => {
  assert.equal(play([100, 50, 50], { viewerShare: 0.003, seconds: 30 }).moves, 0);
});

test('an overloaded edge is relieved step by step, and drowns no other', () => {
  const { moves, highest, first } = play([190, 100, 100], { viewerShare: 0.005, seconds: 30 });
  assert.ok(first < 0.9 && moves < 100, `${first} left after ${moves} moves`);
  assert.ok(highest < 0.9, String(highest));
});

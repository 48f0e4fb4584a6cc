import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { OWN_ISSUER, signExplainQuestion } from '@headwater/protocol/explanation';
import { FeedState } from '@headwater/protocol/feed-state';
import type { RankingPolicy } from '@headwater/protocol/settings';
import { testRecord } from '@headwater/protocol/test-node';
import { ManualClock } from '@headwater/service/clock';
import { Departures } from './departures.ts';
import type { Door } from './door.ts';
import { EdgeViews } from './edge-views.ts';
import { explain, questionOf } from './explain.ts';
import { UsedTokens } from './replay-guard.ts';

const NOW_MS = Date.UTC(2026, 10, 24);
const FRANKFURT = { latitude: 50.1, longitude: 8.7 };
const SYDNEY = { latitude: -33.9, longitude: 151.2 };
const LOCATION = { place: FRANKFURT, country: 'DE', asn: 64_500, source: 'database' } as const;
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const SIGNER = { iss: OWN_ISSUER, alg: 'EdDSA', key: privateKey } as const;
const QUESTION = { address: '203.0.113.7', stream: 'show' };

function openDoor(nodes: Parameters<typeof testRecord>[0][], ranking: RankingPolicy = {}): Door {
  const state = new FeedState();
  const issuer = { iss: OWN_ISSUER, alg: 'EdDSA', jwk: { ...publicKey.export({ format: 'jwk' }) } } as const;
  const config = { scope: '*', version: 1, settings: { ranking }, canary: null };
  const records = nodes.map((node) => ({ type: 'node', node: testRecord(node) }) as const);
  const messages = [{ type: 'issuer', issuer } as const, { type: 'config', config } as const, ...records];
  state.apply({ cursor: '1', snapshot: true, messages });
  const clock = new ManualClock(NOW_MS);
  const departures = new Departures({ clock, edgeCount: () => 2 });
  const edges = new EdgeViews({ state, clock, nodeId: 'geo-1', probes: { verdict: () => 'unknown' }, departures });
  const rest = { trustedProxies: [], audience: 'headwater', nodeId: 'geo-1', replay: new UsedTokens(clock) };
  return { state, locate: () => LOCATION, edges, departures, clock, ...rest };
}

test('every edge has its place, and what keeps it from being the first', () => {
  const near = { place: FRANKFURT, zone: 'eu' };
  const fleet = [
    { id: 'taken', ...near, failureDomain: 'rack-a' },
    { id: 'same-rack', ...near, failureDomain: 'rack-a', capacityBitsPerSecond: 1 },
    { id: 'unlucky', ...near, failureDomain: 'rack-b', capacityBitsPerSecond: 1 },
    { id: 'loaded', ...near, failureDomain: 'rack-c', load: { cpu: 0.5 } },
    { id: 'far', place: SYDNEY, zone: 'eu' },
    { id: 'abroad', place: FRANKFURT, zone: 'us' },
    { id: 'drained', ...near, draining: true },
    { id: 'dead', ...near, healthy: false },
  ];
  const door = openDoor(fleet, {
    rules: [
      { zones: ['jp'], countries: ['JP'] },
      { zones: ['eu'], countries: ['DE'] },
    ],
  });
  const { viewer, geo, rule, edges } = explain(QUESTION, door);
  assert.deepEqual([geo, viewer], ['geo-1', { address: '203.0.113.7', ...LOCATION }]);
  assert.deepEqual(rule, { zones: ['eu'], countries: ['DE'] });
  assert.deepEqual(
    edges.map(({ rank }) => rank),
    fleet.map((_, index) => index + 1),
    'none is left out',
  );
  assert.deepEqual(edges[0]?.reasons, ['healthy', 'zone eu by rule', '0 km away', 'load 0%']);
  assert.deepEqual(Object.fromEntries(edges.map(({ id, notTaken }) => [id, notTaken])), {
    taken: null,
    unlucky: 'equal to taken, and the stream\u2019s hash prefers that',
    loaded: 'it carries more than its share already',
    far: 'taken is nearer: 0 km against 16484 km',
    abroad: 'the rule prefers the zone of taken (eu)',
    'same-rack': 'would fail together with taken (rack-a), so others come before it',
    drained: 'it is draining, and taken serving',
    dead: 'it is down, and taken serving',
  });
  const exclusive = openDoor(fleet, { rules: [{ zones: ['eu'], exclusive: true }] });
  const abroad = explain(QUESTION, exclusive).edges.find(({ id }) => id === 'abroad');
  assert.equal(abroad?.notTaken, 'the rule is for other zones, and taken is in one of them');
});

test('only the control plane\u2019s own questions are answered', () => {
  const door = openDoor([]);
  const token = signExplainQuestion(QUESTION, SIGNER, NOW_MS);
  assert.deepEqual(questionOf(`Bearer ${token}`, door), QUESTION);
  for (const header of [undefined, '', token, 'Bearer', `Bearer ${token.slice(0, -2)}`, `Basic ${token}`]) {
    assert.equal(questionOf(header, door), null, header);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IDLE_LOAD, type NodeRecord, type Place } from '@headwater/protocol/node';
import { testRecord } from '@headwater/protocol/test-node';
import { rankEdges } from './rank.ts';

const FRANKFURT: Place = { latitude: 50.1, longitude: 8.7 };
const PARIS: Place = { latitude: 48.9, longitude: 2.4 };
const SYDNEY: Place = { latitude: -33.9, longitude: 151.2 };
const BERLIN = { place: { latitude: 52.5, longitude: 13.4 }, key: '203.0.113.7' };

function edge(id: string, place: Place | null, changes: Partial<NodeRecord> & { cpu?: number } = {}): NodeRecord {
  const { cpu = 0, ...rest } = changes;
  return testRecord({ id, place, load: { cpu }, ...rest });
}

function order(nodes: NodeRecord[], viewer: Parameters<typeof rankEdges>[1] = BERLIN): string[] {
  return rankEdges(nodes, viewer).map((ranked) => ranked.edge.id);
}

test('the nearest comes first, round the globe', () => {
  assert.deepEqual(order([edge('syd', SYDNEY), edge('par', PARIS), edge('fra', FRANKFURT)]), ['fra', 'par', 'syd']);
  const suva = { place: { latitude: -18.1, longitude: 178.4 }, key: 'x' };
  const apia = edge('apia', { latitude: -13.8, longitude: -171.8 });
  assert.deepEqual(order([edge('syd', SYDNEY), apia], suva), ['apia', 'syd']);
});

test('distances are great-circle kilometres', () => {
  const [first] = rankEdges([edge('fra', FRANKFURT)], BERLIN);
  assert.ok(Math.abs((first?.distanceKm ?? 0) - 424) < 5, String(first?.distanceKm));
  assert.deepEqual(first?.reasons, ['healthy', '422 km away', 'load 0%']);
});

test('among equally near edges the less loaded comes first', () => {
  const nodes = [edge('a', FRANKFURT, { cpu: 0.55 }), edge('b', FRANKFURT, { cpu: 0.15 })];
  assert.deepEqual(order(nodes), ['b', 'a']);
  const lagging = edge('lag', FRANKFURT, {
    load: { ...IDLE_LOAD, loopLagMs: 120 },
  });
  assert.deepEqual(order([lagging, edge('b', FRANKFURT, { cpu: 0.15 })]), ['b', 'lag']);
});

test('an overloaded edge comes after a far one, then the draining, then the silent', () => {
  const nodes = [
    edge('silent', FRANKFURT, { healthy: false }),
    edge('draining', FRANKFURT, { draining: true }),
    edge('busy', FRANKFURT, { cpu: 0.9 }),
    edge('far', SYDNEY, { cpu: 0.89 }),
  ];
  assert.deepEqual(order(nodes), ['far', 'busy', 'draining', 'silent']);
});

test('when everything is down, the down are still answered, nearest first', () => {
  const nodes = [edge('par', PARIS, { healthy: false }), edge('fra', FRANKFURT, { healthy: false })];
  assert.deepEqual(order(nodes), ['fra', 'par']);
});

test('only edges are ranked', () => {
  assert.deepEqual(order([edge('o', FRANKFURT, { role: 'origin' }), edge('e', SYDNEY)]), ['e']);
});

test('an edge whose place is unknown comes after those that are known', () => {
  assert.deepEqual(order([edge('nowhere', null), edge('syd', SYDNEY)]), ['syd', 'nowhere']);
});

test('equally good edges share the viewers evenly, and each viewer keeps its edge', () => {
  const nodes = [edge('a', FRANKFURT), edge('b', FRANKFURT)];
  const firsts = Array.from({ length: 1000 }, (_, n) => order(nodes, { place: null, key: `10.0.0.${n}` })[0]);
  const onA = firsts.filter((id) => id === 'a').length;
  assert.ok(onA > 440 && onA < 560, `${onA} of 1000`);
  assert.deepEqual(order(nodes.toReversed()), order(nodes));
});

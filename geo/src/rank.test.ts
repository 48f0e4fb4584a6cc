import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeRecord, Place } from '@headwater/protocol/node';
import type { RankingPolicy } from '@headwater/protocol/settings';
import { testRecord } from '@headwater/protocol/test-node';
import { type EdgeView, type Viewer, rankEdges } from './rank.ts';

const FRANKFURT: Place = { latitude: 50.1, longitude: 8.7 };
const PARIS: Place = { latitude: 48.9, longitude: 2.4 };
const SYDNEY: Place = { latitude: -33.9, longitude: 151.2 };
const BERLIN: Viewer = {
  place: { latitude: 52.5, longitude: 13.4 },
  address: '203.0.113.7',
  country: 'DE',
  asn: 64_500,
  stream: 'show',
};
const NOW_MS = 1_000_000_000;

type Change = Omit<Parameters<typeof testRecord>[0] & object, 'id' | 'place'>;

function edge(id: string, place: Place | null, change: Change = {}, view: Partial<EdgeView> = {}): EdgeView {
  const node = testRecord({ id, place, ...change });
  return { node, answers: node.healthy, busy: false, suspicion: null, pendingViewers: 0, ...view };
}

function order(fleet: EdgeView[], viewer: Partial<Viewer> = {}, policy: RankingPolicy = {}): string[] {
  return rankEdges(fleet, { ...BERLIN, ...viewer }, { nowMs: NOW_MS, policy }).map((ranked) => ranked.edge.id);
}

test('the nearest comes first, round the globe', () => {
  assert.deepEqual(order([edge('syd', SYDNEY), edge('par', PARIS), edge('fra', FRANKFURT)]), ['fra', 'par', 'syd']);
  const suva = { place: { latitude: -18.1, longitude: 178.4 } };
  const apia = edge('apia', { latitude: -13.8, longitude: -171.8 });
  assert.deepEqual(order([edge('syd', SYDNEY), apia], suva), ['apia', 'syd']);
});

test('distances are great-circle kilometres, and the reasons say why', () => {
  const [first] = rankEdges([edge('fra', FRANKFURT)], BERLIN, { nowMs: NOW_MS });
  assert.ok(Math.abs((first?.distanceKm ?? 0) - 424) < 5, String(first?.distanceKm));
  assert.deepEqual(first?.reasons, ['healthy', '422 km away', 'load 0%']);
});

test('conditions come before distance, from serving to down', () => {
  const fleet = [
    edge('down', FRANKFURT, { healthy: false }),
    edge('partitioned', FRANKFURT, { healthy: false }, { answers: true }),
    edge('draining', FRANKFURT, { draining: true }),
    edge('probing', FRANKFURT, { servingSinceMs: null }),
    edge('suspect', FRANKFURT, {}, { suspicion: 'flapping' }),
    edge('busy', FRANKFURT, {}, { busy: true }),
    edge('far', SYDNEY),
  ];
  assert.deepEqual(order(fleet), ['far', 'busy', 'suspect', 'probing', 'draining', 'partitioned', 'down']);
  const silent = edge('silent', FRANKFURT, {}, { answers: false });
  assert.deepEqual(order([silent, edge('far', SYDNEY)]), ['far', 'silent'], 'a probe knows before the heartbeat');
});

test('when everything is down, the down are still answered, nearest first', () => {
  const fleet = [edge('par', PARIS, { healthy: false }), edge('fra', FRANKFURT, { healthy: false })];
  assert.deepEqual(order(fleet), ['fra', 'par']);
  assert.deepEqual(order([]), []);
});

test('an edge whose place is unknown comes after those that are known', () => {
  assert.deepEqual(order([edge('nowhere', null), edge('syd', SYDNEY)]), ['syd', 'nowhere']);
});

test('equal edges share the streams, each stream keeps its edge, and a new edge moves only what it gains', () => {
  const fleet = Array.from({ length: 4 }, (_, n) => edge(`e${n}`, FRANKFURT));
  const streams = Array.from({ length: 2_000 }, (_, n) => `s${n}`);
  const firstOf = (views: EdgeView[]): string[] => streams.map((stream) => order(views, { stream })[0] ?? '');
  const before = firstOf(fleet);
  for (const { node } of fleet) {
    const share = before.filter((id) => id === node.id).length;
    assert.ok(share > 400 && share < 600, `${node.id} has ${share} of 2000`);
  }
  assert.deepEqual(firstOf(fleet.toReversed()), before);
  const after = firstOf([...fleet, edge('e4', FRANKFURT)]);
  for (const [index, id] of after.entries()) assert.ok(id === 'e4' || id === before[index]);
});

test('an edge of twice the capacity gets twice the streams', () => {
  const fleet = [edge('big', FRANKFURT, { capacityBitsPerSecond: 2e9 }), edge('small', FRANKFURT)];
  const firsts = Array.from({ length: 3_000 }, (_, n) => order(fleet, { stream: `s${n}` })[0]);
  const big = firsts.filter((id) => id === 'big').length;
  assert.ok(big > 1_850 && big < 2_150, `${big} of 3000`);
});

test('a hot stream spreads: an edge that carries more than its share passes viewers on, and not before', () => {
  const idle = [edge('a', FRANKFURT), edge('b', FRANKFURT), edge('c', FRANKFURT)];
  const [first = '', second = ''] = order(idle);
  const egress = (share: number) => ({ load: { egressBytesPerSecond: (share * 1e9) / 8 } });
  const loaded = (share: number): EdgeView[] =>
    idle.map((view) => (view.node.id === first ? edge(first, FRANKFURT, egress(share)) : view));
  assert.equal(order(loaded(0.09))[0], first, 'below a tenth nobody moves');
  assert.equal(order(loaded(0.3))[0], second);
  const all = idle.map(({ node: { id } }) => edge(id, FRANKFURT, egress(0.5)));
  assert.equal(order(all)[0], first, 'as loaded as the others');
  const sent = idle.map((view) => (view.node.id === first ? { ...view, pendingViewers: 100 } : view));
  assert.equal(order(sent)[0], second, 'viewers just sent count before the load tells');
});

test('its share is told by its equals alone, not by those of a zone that is not for these viewers', () => {
  const carrying = (id: string, share: number, zone: string): EdgeView =>
    edge(id, FRANKFURT, { zone, load: { egressBytesPerSecond: (share * 1e9) / 8 } });
  const others = ['x', 'y', 'z', 'w'].map((id) => carrying(id, 0, 'other'));
  const rules = [{ zones: ['eu'] }];
  for (const [full, light] of [
    ['a', 'b'],
    ['b', 'a'],
  ] as const) {
    const fleet = [carrying(full, 0.6, 'eu'), carrying(light, 0.2, 'eu'), ...others];
    assert.equal(order(fleet, {}, { rules })[0], light);
  }
});

test('processor, event loop and line: the scarcest is the load', () => {
  const loads = [{ cpu: 0.5 }, { loopLagMs: 100 }, { egressBytesPerSecond: 62_500_000 }];
  for (const load of loads) {
    const [ranked] = rankEdges([edge('a', FRANKFURT, { load })], BERLIN, { nowMs: NOW_MS });
    assert.equal(ranked?.load, 0.5);
  }
});

test('an edge in slow start gets a share that grows, and each viewer keeps its answer', () => {
  const young = (ageMs: number): EdgeView[] => [
    edge('old', FRANKFURT),
    edge('young', FRANKFURT, { servingSinceMs: NOW_MS - ageMs, capacityBitsPerSecond: 1e15 }),
  ];
  const share = (ageMs: number): number => {
    const addresses = Array.from({ length: 1_000 }, (_, n) => `10.0.${n >> 8}.${n & 255}`);
    return addresses.filter((address) => order(young(ageMs), { address })[0] === 'young').length / 1_000;
  };
  assert.ok(Math.abs(share(0) - 0.05) < 0.03, String(share(0)));
  assert.ok(Math.abs(share(15_000) - 0.55) < 0.06, String(share(15_000)));
  assert.equal(share(30_000), 1);
  assert.equal(order(young(0), {}, { slowStartSeconds: 0 })[0], 'young');
});

test('a rule sends viewers to zones, in order; exclusively, when it says so', () => {
  const fleet = [
    edge('fra', FRANKFURT, { zone: 'eu' }),
    edge('syd', SYDNEY, { zone: 'au' }),
    edge('par', PARIS, { zone: 'fr' }, { busy: true }),
  ];
  const rules = [{ countries: ['DE'], zones: ['au', 'fr'] }];
  assert.deepEqual(order(fleet, {}, { rules }), ['syd', 'fra', 'par']);
  assert.deepEqual(order(fleet, {}, { rules: [{ zones: ['au', 'fr'], exclusive: true }] }), ['syd', 'par', 'fra']);
  assert.deepEqual(order(fleet, { country: 'FR' }, { rules }), ['fra', 'syd', 'par']);
  for (const condition of [{ prefixes: ['203.0.113.0/24'] }, { asns: [64_500] }, { streams: ['show'] }]) {
    assert.equal(order(fleet, {}, { rules: [{ ...condition, zones: ['au'] }] })[0], 'syd');
    const other = { address: '198.51.100.1', asn: 1, stream: 'other' };
    assert.equal(order(fleet, other, { rules: [{ ...condition, zones: ['au'] }] })[0], 'fra');
  }
});

test('a rule of ten thousand networks is read once, not for each viewer', () => {
  const prefixes = Array.from({ length: 10_000 }, (_, n) => `10.${n >> 8}.${n & 255}.0/24`);
  const rules = [{ prefixes, zones: ['default'] }];
  const fleet = [edge('fra', FRANKFURT)];
  const startMs = performance.now();
  for (let count = 0; count < 1_000; count += 1) order(fleet, {}, { rules });
  assert.ok(performance.now() - startMs < 1_000);
});

test('the second choice does not fail with the first', () => {
  const rack = { failureDomain: 'rack-1' };
  const fleet = [edge('a', FRANKFURT, rack), edge('b', FRANKFURT, rack), edge('c', PARIS)];
  const [first = '', second] = order(fleet);
  assert.ok(['a', 'b'].includes(first));
  assert.equal(second, 'c');
  const gone = [edge('a', FRANKFURT, rack), edge('b', FRANKFURT, rack), edge('c', PARIS, { healthy: false })];
  assert.equal(order(gone)[2], 'c', 'one that is down is no way out');
});

test('an exclusive rule keeps viewers in its zones though its edges fail together', () => {
  const eu = { zone: 'eu', failureDomain: 'eu-1' };
  const fleet = [edge('a', FRANKFURT, eu), edge('b', FRANKFURT, eu), edge('us', FRANKFURT, { zone: 'us' })];
  assert.equal(order(fleet, {}, { rules: [{ zones: ['eu'], exclusive: true }] })[2], 'us');
  assert.equal(order(fleet, {}, { rules: [{ zones: ['eu'] }] })[1], 'us');
});

test('a limit cuts the list after it is ordered', () => {
  const fleet = [edge('syd', SYDNEY), edge('fra', FRANKFURT), edge('par', PARIS)];
  const ranked = rankEdges(fleet, BERLIN, { nowMs: NOW_MS, limit: 2 });
  assert.deepEqual(
    ranked.map((entry): NodeRecord['id'] => entry.edge.id),
    ['fra', 'par'],
  );
});

test('why an edge is not trusted is told', () => {
  const told = (suspicion: EdgeView['suspicion']): string | undefined =>
    rankEdges([edge('a', FRANKFURT, {}, { suspicion })], BERLIN, { nowMs: NOW_MS })[0]?.reasons[0];
  assert.deepEqual(
    [told(null), told('failing'), told('left')],
    ['healthy', 'too many of its answers failed lately', 'players left it by themselves lately'],
  );
});

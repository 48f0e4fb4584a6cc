import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AbuseResult, abuse, faultsOf } from './rtmp-abuse-run.ts';

const CONNECTIONS = 3_000;
const SEED = 20_261_122;

test(`${CONNECTIONS} hostile connections harm neither the origin nor the publisher beside them`, async (t) => {
  const result = await abuse({ connections: CONNECTIONS, seed: SEED });
  const { warm, end } = result;
  t.diagnostic(`${result.seconds.toFixed(1)} s; RSS ${warm.rss} → ${end.rss}, heap ${warm.heapUsed} → ${end.heapUsed}`);
  assert.deepEqual(faultsOf(result), []);
});

const report = {
  asked: 120,
  accepted: 101,
  hostilePackets: 9,
  refusedPackets: 0,
  goodPackets: 5,
  goodHash: 'a',
  rss: 100,
  heapUsed: 100,
  external: 0,
};
const held: AbuseResult = {
  connections: 1_000,
  pastConnect: 500,
  pastPublish: 100,
  warm: report,
  end: { ...report, rss: 110, heapUsed: 110 },
  metricsText: 'headwater_rtmp_connections 0\nheadwater_rtmp_publishers 0\nheadwater_origin_streams 0\n',
  goodPackets: 5,
  goodHash: 'a',
  goodStream: { epochs: 1, gaps: 0, behindMs: 900 },
  seconds: 1,
};
const broken: [what: string, change: Partial<AbuseResult>][] = [
  ['fewer than half past connect', { pastConnect: 499 }],
  ['fewer than a tenth past publish', { pastPublish: 99 }],
  ['a frame of a refused publisher', { end: { ...held.end, refusedPackets: 1 } }],
  ['a lost packet', { goodPackets: 6 }],
  ['an altered packet', { goodHash: 'b' }],
  ['a second epoch', { goodStream: { ...held.goodStream, epochs: 2 } }],
  ['a gap', { goodStream: { ...held.goodStream, gaps: 1 } }],
  ['a stream that stands', { goodStream: { ...held.goodStream, behindMs: 60_000 } }],
  ['memory that grows', { end: { ...held.end, rss: 111 } }],
  ['a heap that grows', { end: { ...held.end, heapUsed: 111 } }],
  ['a connection that stays', { metricsText: held.metricsText.replace('connections 0', 'connections 1') }],
];
test('the verdict sees each of the faults', () => {
  assert.deepEqual(faultsOf(held), []);
  for (const [what, change] of broken) assert.equal(faultsOf({ ...held, ...change }).length, 1, what);
});

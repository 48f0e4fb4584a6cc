import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testRecord } from '@headwater/protocol/test-node';
import { FleetNews } from './fleet-news.ts';

test('only what changed is news, and a load or a generation alone is none', () => {
  const news = new FleetNews();
  assert.equal(news.tellAll([testRecord()]), true);
  assert.equal(news.tellAll([testRecord()]), false);
  assert.equal(news.tell(testRecord({ load: { cpu: 1 }, generation: 9 })), false);
  assert.equal(news.tick, 1);
  assert.equal(news.tell(testRecord({ healthy: false })), true);
  assert.deepEqual(news.since(1, false), { changed: ['edge-1'], removed: [] });
  assert.deepEqual(news.since(2, true), { changed: [], removed: [] });
});

test('a load is news when it has moved enough, and then not again', () => {
  const news = new FleetNews();
  const record = testRecord();
  news.tell(record);
  assert.equal(news.tellLoads([testRecord({ load: { cpu: 0.04 } })]), false);
  assert.equal(news.tellLoads([testRecord({ load: { cpu: 0.06 } })]), true);
  assert.equal(news.tellLoads([testRecord({ load: { cpu: 0.08 } })]), false);
  assert.deepEqual(news.since(1, true).changed, ['edge-1']);
  assert.deepEqual(news.since(1, false).changed, []);
});

test('a removal is told, until the node is back', () => {
  const news = new FleetNews();
  news.tellAll([testRecord(), testRecord({ id: 'edge-2' })]);
  news.tellAll([testRecord()]);
  assert.deepEqual(news.since(2, false), { changed: [], removed: ['edge-2'] });
  assert.deepEqual(news.ids(), ['edge-1']);
  news.tell(testRecord({ id: 'edge-2' }));
  assert.deepEqual(news.since(2, false), { changed: ['edge-2'], removed: [] });
});

test('a thousand removals are remembered, and the oldest goes with one more', () => {
  const news = new FleetNews();
  const ids = Array.from({ length: 1_001 }, (_, n) => `edge-${n}`);
  news.tellAll(ids.map((id) => testRecord({ id })));
  const { tick } = news;
  news.tellAll([]);
  const { removed } = news.since(tick, false);
  assert.equal(removed.length, 1_000);
  assert.equal(removed.includes('edge-0'), false);
});

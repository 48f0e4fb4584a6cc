import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PATHWAY_LIMIT, parseSteering, steeringManifest, steeringPath } from './steering.ts';

test('what a manifest asks with is read as it was written, with what players add', () => {
  const question = { stream: 'show', pathways: ['edge-1', 'edge-2'] };
  const url = steeringPath('hls', question);
  assert.equal(url, '/steering/hls?stream=show&pathways=edge-1,edge-2');
  assert.deepEqual(parseSteering(url), { protocol: 'hls', ...question, current: null, stayed: null });
  assert.equal(parseSteering(`${url}&_HLS_pathway=edge-2&_HLS_throughput=5140000`)?.current, 'edge-2');
  const dash = steeringPath('dash', question);
  assert.equal(parseSteering(`${dash}&_DASH_pathway=%22edge-1,edge-2%22&_DASH_throughput=1,2`)?.current, 'edge-1');
  assert.equal(parseSteering(`${url}&_HLS_pathway=elsewhere`)?.current, null);
  assert.equal(parseSteering(steeringPath('dash', { ...question, stayed: 'edge-2' }))?.stayed, 'edge-2');
  assert.equal(parseSteering(steeringPath('dash', { ...question, stayed: 'elsewhere' }))?.stayed, null);
});

test('anything else is not a question', () => {
  const many = Array.from({ length: PATHWAY_LIMIT + 1 }, (_, n) => `e${n}`);
  for (const url of [
    '/steering/hls',
    '/steering/hls?',
    '/steering/flv?stream=show&pathways=e',
    '/steering/hls?stream=show',
    '/steering/hls?stream=a%2Fb&pathways=e',
    '/steering/hls?stream=show&pathways=E',
    '/steering/hls?stream=show&pathways=e,,f',
    steeringPath('hls', { stream: 'show', pathways: many }),
    `/steering/hls?stream=show&pathways=e&x=${'x'.repeat(1_100)}`,
  ]) {
    assert.equal(parseSteering(url), null, url);
  }
  assert.ok(parseSteering(steeringPath('hls', { stream: 'show', pathways: many.slice(1) })));
});

test('the manifest is what both protocols read', () => {
  const answer = { priority: ['b', 'a'], ttlSeconds: 2 };
  const written = { VERSION: 1, TTL: 2, 'PATHWAY-PRIORITY': ['b', 'a'] };
  assert.deepEqual(JSON.parse(steeringManifest(answer)), written);
  const reloadUrl = 'http://geo.example/steering/hls?stream=show';
  assert.deepEqual(JSON.parse(steeringManifest({ ...answer, reloadUrl })), { ...written, 'RELOAD-URI': reloadUrl });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLooping, outgoingFields } from './outgoing-fields.ts';

const HOP = { nodeId: 'edge-1', host: 'origin.example:81' };

test('what is for one connection ends here; what is ours is added', () => {
  const fields = ['Host', 'v.example', 'X-A', '1', 'x-a', '2', 'TE', 'trailers', 'Connection', 'x', 'Upgrade', 'y'];
  assert.deepEqual(outgoingFields([...fields, 'Expect', '100-continue', 'Keep-Alive', '1'], HOP), [
    'host',
    'origin.example:81',
    'X-A',
    '1',
    'x-a',
    '2',
    'via',
    '1.1 edge-1',
    'cdn-loop',
    'edge-1',
  ]);
});

test('Via and CDN-Loop grow at their end, in one line', () => {
  const fields = ['Via', '1.0 a', 'via', '2 b (c, d)', 'CDN-Loop', 'x; t="a,b"', 'cdn-loop', ''];
  assert.deepEqual(outgoingFields(fields, HOP).slice(2), [
    'via',
    '1.0 a, 2 b (c, d), 1.1 edge-1',
    'cdn-loop',
    'x; t="a,b", edge-1',
  ]);
});

test('a loop is known by our own id as a member, and by its length', () => {
  const loops = ['edge-1', 'a, edge-1', 'EDGE-1; trace="x"', 'a;x="b,c" , edge-1'];
  for (const value of loops) assert.equal(isLooping(['CDN-Loop', value], 'edge-1'), true, value);
  const paths = ['edge-10', 'a; edge-1', 'a; t="x, edge-1"', 'edge', ''];
  for (const value of paths) assert.equal(isLooping(['CDN-Loop', value], 'edge-1'), false, value);
  const many = (count: number): string[] => Array.from({ length: count }, (_, nth) => ['cdn-loop', `n${nth}`]).flat();
  assert.equal(isLooping(many(15), 'edge-1'), false);
  assert.equal(isLooping(many(16), 'edge-1'), true);
});

test('a list that never closes its quote is read in time that grows with its length, and hides nobody', () => {
  const open = '"\\'.repeat(30_000);
  const startedMs = performance.now();
  assert.equal(isLooping(['cdn-loop', `${open},edge-1`], 'edge-1'), true);
  assert.ok(performance.now() - startedMs < 250);
});

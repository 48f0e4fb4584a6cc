import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FeedPage } from '@headwater/protocol/feed';
import { addKey } from './test-accounts.ts';
import { type TestPlane, joinAs, startTestPlane } from './test-plane.ts';

async function poll(plane: TestPlane, credential: string, cursor?: string): Promise<FeedPage> {
  const query = cursor === undefined ? '' : `?cursor=${encodeURIComponent(cursor)}`;
  return (await plane.call('GET', `/v1/feed${query}`, undefined, credential)).body as unknown as FeedPage;
}

test('a purge reaches the edges by the feed, and each acknowledges it by its next poll', async () => {
  await using plane = await startTestPlane({ feedWaitMs: 50 });
  const edges = [await joinAs(plane, { id: 'edge-1' }), await joinAs(plane, { id: 'edge-2' })];
  const geo = await joinAs(plane, { id: 'geo-1', role: 'geo' });
  const cursors: string[] = [];
  for (const edge of edges) cursors.push((await poll(plane, edge)).cursor);
  const ordered = await plane.call('POST', '/v1/purges', { tag: 'stream:show' });
  assert.equal(ordered.status, 202);
  const id = ordered.body['id'] as string;
  assert.equal(ordered.headers.get('location'), `/v1/purges/${id}`);
  const progress = async () => (await plane.call('GET', `/v1/purges/${id}`)).body;
  const { acked, total, missing, ms } = await progress();
  assert.deepEqual([acked, total, missing, ms], [0, 2, ['edge-1', 'edge-2'], null]);
  await poll(plane, geo);
  for (const [index, edge] of edges.entries()) {
    const page = await poll(plane, edge, cursors[index]);
    assert.ok(page.messages.some((message) => message.type === 'purge' && message.purge.id === id));
    assert.equal((await progress())['acked'], index);
    await poll(plane, edge, page.cursor);
    assert.equal((await progress())['acked'], index + 1);
  }
  const done = await progress();
  assert.deepEqual([done['acked'], done['missing']], [2, []]);
  assert.equal(typeof done['ms'], 'number');
});

test('a snapshot tells the last purge before it, as an edge that starts anew would not hear of it', async () => {
  await using plane = await startTestPlane({ feedWaitMs: 50 });
  const edge = await joinAs(plane, { id: 'edge-1' });
  assert.equal((await poll(plane, edge)).lastPurge, undefined);
  let last: unknown;
  for (const tag of ['a', 'b']) {
    plane.clock.advance(1);
    last = (await plane.call('POST', '/v1/purges', { tag })).body['id'];
  }
  assert.equal((await poll(plane, edge)).lastPurge?.id, last);
});

test('an order that is none, or two, is refused', async () => {
  await using plane = await startTestPlane();
  for (const body of [
    {},
    { url: '/a', all: true },
    { all: false },
    { url: 'a' },
    { tag: 'a b' },
    { prefix: '/', soft: 'yes' },
    { url: `/${'x'.repeat(2_048)}` },
    { url: '/a/../b' },
    { prefix: 'https://cdn.example/a%5cb' },
    { tag: 'a,b' },
    { tag: 'x'.repeat(1_025) },
  ]) {
    const answer = await plane.call('POST', '/v1/purges', body);
    assert.deepEqual([answer.status, answer.body['code']], [400, 'bad_field'], JSON.stringify(body));
  }
  assert.equal((await plane.call('GET', '/v1/purges/none')).status, 404);
});

test('the host of a pull zone is not all streams', async () => {
  await using plane = await startTestPlane();
  const hosts = ['www.example'];
  await plane.call('POST', '/v1/zones', { name: 'site', hosts, origins: ['http://o'], policy: 'public' });
  const operator = await addKey(plane, { role: 'operator' });
  const statusOf = async (prefix: string) => (await plane.call('POST', '/v1/purges', { prefix }, operator)).status;
  assert.deepEqual([await statusOf('https://WWW.example:8443/'), await statusOf('https://other.example/')], [202, 403]);
  // A zone for every host names none.
  await plane.call('POST', '/v1/zones', { name: 'rest', origins: ['http://o'], policy: 'public' });
  assert.equal(await statusOf('https://*/'), 403);
});

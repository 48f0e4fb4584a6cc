import assert from 'node:assert/strict';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { FeedMessage, FeedPage } from '@headwater/protocol/feed';
import { FeedState } from '@headwater/protocol/feed-state';
import { IDLE_LOAD } from '@headwater/protocol/node';
import { mintPathToken, verifyPathToken } from '@headwater/protocol/path-token';
import { systemClock } from '@headwater/service/clock';
import { openDatabase } from './database.ts';
import { openEnrolledNodes } from './enrolled-nodes.ts';
import { Feed } from './feed.ts';
import { Fleet } from './fleet.ts';
import { openEmbeddedRegistry } from './registry/embedded-registry.ts';
import { openEmbeddedStore } from './state/embedded-store.ts';
import { State } from './state/state.ts';
import { type TestPlane, joinAs, startTestPlane } from './test-plane.ts';

async function poll(plane: TestPlane, credential: string, cursor?: string): Promise<FeedPage> {
  const query = cursor === undefined ? '' : `?cursor=${encodeURIComponent(cursor)}`;
  const answer = await plane.call('GET', `/v1/feed${query}`, undefined, credential);
  assert.equal(answer.status, 200);
  return answer.body as unknown as FeedPage;
}

function typesOf(messages: readonly FeedMessage[]): string[] {
  return messages.map(({ type }) => type);
}

/** Resolves when so many polls wait. */
async function waiters(plane: TestPlane, count: number): Promise<void> {
  const line = `headwater_control_feed_waiters ${count}\n`;
  while (!(await (await fetch(`${plane.url}/metrics`)).text()).includes(line));
}

function makeStream(plane: TestPlane, name: string): Promise<unknown> {
  return plane.call('POST', '/v1/streams', { name, policy: 'token' });
}

test('a poll without news waits, is answered by news at once, and by nothing after its time', async () => {
  await using plane = await startTestPlane({ feedWaitMs: 400 });
  const credential = await joinAs(plane, { id: 'edge-1' });
  const first = await poll(plane, credential);
  assert.equal(first.snapshot, true);
  assert.deepEqual(typesOf(first.messages), ['path-keys', 'issuer', 'node']);
  const waiting = poll(plane, credential, first.cursor);
  await makeStream(plane, 'show');
  const second = await waiting;
  assert.equal(second.snapshot, false);
  assert.deepEqual(typesOf(second.messages), ['stream']);
  const startMs = performance.now();
  const third = await poll(plane, credential, second.cursor);
  assert.deepEqual([third.snapshot, third.messages, third.cursor], [false, [], second.cursor]);
  assert.ok(performance.now() - startMs >= 390);
});

test('a node that was away gets what it missed, in order; one that was away for too long gets everything', async () => {
  await using plane = await startTestPlane({ logLimit: 256 });
  const credential = await joinAs(plane, { id: 'edge-1' });
  const { cursor } = await poll(plane, credential);
  for (const name of ['a', 'b', 'c']) await makeStream(plane, name);
  await plane.call('DELETE', '/v1/streams/b');
  const missed = await poll(plane, credential, cursor);
  assert.deepEqual(typesOf(missed.messages), ['stream', 'stream', 'stream', 'stream-removed']);
  for (let round = 0; round < 520; round += 1)
    await plane.call('POST', '/v1/nodes/edge-1/drain', { draining: round % 2 === 0 });
  const whole = await poll(plane, credential, cursor);
  assert.equal(whole.snapshot, true);
  assert.deepEqual(typesOf(whole.messages), ['path-keys', 'issuer', 'stream', 'stream', 'node']);
  for (const strange of ['', '~', 'x.y', 'x~y~z', '\u0000', 'a'.repeat(5_000)]) {
    assert.equal((await poll(plane, credential, strange)).snapshot, true, strange);
  }
});

test('cursors stay good over a restart of the control plane', async () => {
  await using plane = await startTestPlane();
  const credential = await joinAs(plane, { id: 'edge-1' });
  const { cursor } = await poll(plane, credential);
  await makeStream(plane, 'show');
  await plane.restart();
  const page = await poll(plane, credential, cursor);
  assert.equal(page.snapshot, false);
  // Another process tells the whole fleet anew.
  assert.deepEqual(typesOf(page.messages), ['stream', 'node']);
});

test('waiting polls are limited; a node has one, and a second poll of it releases the first', async () => {
  await using plane = await startTestPlane({ env: { HEADWATER_MAX_FEED_WAITERS: '2' } });
  const [a, b, c] = [
    await joinAs(plane, { id: 'a' }),
    await joinAs(plane, { id: 'b' }),
    await joinAs(plane, { id: 'c' }),
  ];
  const { cursor } = await poll(plane, a);
  const first = poll(plane, a, cursor);
  const second = poll(plane, b, cursor);
  await waiters(plane, 2);
  const refused = await plane.call('GET', `/v1/feed?cursor=${encodeURIComponent(cursor)}`, undefined, c);
  assert.deepEqual([refused.status, refused.body['code']], [503, 'too_many_waiters']);
  const again = poll(plane, a, cursor);
  assert.deepEqual((await first).messages, []);
  await makeStream(plane, 'show');
  for (const page of [await second, await again]) assert.deepEqual(typesOf(page.messages), ['stream']);
});

test('a control plane that ends answers those who wait', async () => {
  await using plane = await startTestPlane();
  const credential = await joinAs(plane, { id: 'edge-1' });
  const { cursor } = await poll(plane, credential);
  const waiting = poll(plane, credential, cursor);
  await waiters(plane, 1);
  await plane.stop();
  assert.deepEqual((await waiting).messages, []);
});

test('a node that was removed and came back is there for whoever was away for both', async () => {
  await using plane = await startTestPlane();
  const watcher = await joinAs(plane, { id: 'edge-1' });
  await joinAs(plane, { id: 'edge-2' });
  const state = new FeedState();
  state.apply(await poll(plane, watcher));
  await plane.call('DELETE', '/v1/nodes/edge-2');
  await joinAs(plane, { id: 'edge-2' });
  const page = await poll(plane, watcher, state.cursor ?? '');
  assert.deepEqual(typesOf(page.messages), ['node-removed', 'node']);
  state.apply(page);
  assert.ok(state.nodes.has('edge-2'));
  await plane.call('DELETE', '/v1/nodes/edge-2');
  await plane.restart();
  state.apply(await poll(plane, watcher, state.cursor ?? ''));
  assert.deepEqual([...state.nodes.keys()], ['edge-1']);
});

test('what many wait for is read and written once', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-feed-'));
  using database = openDatabase(join(directory.path, 'state.db'));
  const store = openEmbeddedStore(database);
  const enrolled = await openEnrolledNodes(store);
  await using registry = openEmbeddedRegistry({ replica: 'one', store, clock: systemClock });
  using fleet = new Fleet({ enrolled, registry, store, clock: systemClock });
  let reads = 0;
  const state = new State(store);
  const changesSince = state.changesSince.bind(state);
  state.changesSince = (cursor, limit) => {
    reads += 1;
    return changesSince(cursor, limit);
  };
  const feed = new Feed({ state, fleet, waitMs: 20_000, waiterLimit: 100 });
  const { signal } = new AbortController();
  const next = async (n: number, cursor: string | null): Promise<FeedPage> => {
    const page = await feed.next({ node: `edge-${n}`, role: 'edge', cursor, signal });
    assert.ok(page !== 'too_many_waiters');
    return page;
  };
  const { cursor } = await next(0, null);
  const waiting = Array.from({ length: 100 }, (_, n) => next(n, cursor));
  await new Promise((resolve) => setImmediate(resolve));
  reads = 0;
  await state.createIssuer({ iss: 'x', alg: 'HS256', secret: 'y' }, 9);
  const pages = await Promise.all(waiting);
  assert.equal(reads, 1);
  assert.deepEqual(typesOf(pages[0]?.messages ?? []), ['issuer']);
  assert.equal(new Set(pages).size, 1);
  assert.deepEqual(JSON.parse(feed.textOf(pages[0] as FeedPage)), pages[0]);
  feed.close();
});

test('loads reach geo and no one else, and never the log', async () => {
  await using plane = await startTestPlane({ feedWaitMs: 5_000 });
  const geo = await joinAs(plane, { id: 'geo-1', role: 'geo' });
  const edge = await joinAs(plane, { id: 'edge-1' });
  const { cursor } = await poll(plane, geo);
  const load = { ...IDLE_LOAD, cpu: 0.5 };
  const beat = { cursor: null, load, draining: false };
  await plane.call('POST', '/v1/nodes/edge-1/heartbeat', beat, edge);
  // Loads are told every two seconds; the first time, of every node.
  let page = await poll(plane, geo, cursor);
  for (; !page.messages.some((m) => m.type === 'node' && m.node.load.cpu === 0.5);)
    page = await poll(plane, geo, page.cursor);
  assert.equal(page.snapshot, false);
  const [logCursor] = cursor.split('~');
  assert.ok(page.cursor.startsWith(`${logCursor}~`));
  const other = await plane.call('GET', '/v1/nodes');
  assert.equal(other.status, 200);
  const state = new FeedState();
  state.apply(await poll(plane, edge));
  assert.equal(state.cursor?.split('~')[0], logCursor);
});

test('two keys are valid at a rotation, and the new one mints only when nodes had time to learn it', async () => {
  await using plane = await startTestPlane();
  const credential = await joinAs(plane, { id: 'edge-1' });
  const state = new FeedState();
  state.apply(await poll(plane, credential));
  const follow = async () => state.apply(await poll(plane, credential, state.cursor ?? ''));
  const claims = { session: 's', scope: 'live/show', notBeforeS: 1, expiresS: 2_000_000_000, bind: null } as const;
  const request = { scope: 'live/show', address: '127.0.0.1', nowMs: plane.clock.nowMs() } as const;
  const opens = (token: string) => verifyPathToken(token, request, state.keyring).ok;

  const before = state.keyring.current?.kid ?? '';
  const old = mintPathToken(claims, state.keyring);
  const rotation = await plane.call('POST', '/v1/keys/rotate');
  assert.equal(rotation.status, 201);
  assert.equal(rotation.body['currentFrom'], '2026-11-24T12:00:05.000Z');
  await follow();
  const kid = rotation.body['kid'] as string;
  assert.deepEqual([...state.keyring.byId.keys()], [before, kid]);
  assert.equal(state.keyring.current?.kid, before);

  plane.clock.advance(5_000);
  await follow();
  assert.equal(state.keyring.current?.kid, kid);
  const fresh = mintPathToken(claims, state.keyring);
  assert.ok(opens(old) && opens(fresh));

  // At the next rotation the oldest key goes when the newest is promoted; a restart between the two loses nothing.
  await plane.call('POST', '/v1/keys/rotate');
  await follow();
  assert.ok(opens(old) && opens(fresh));
  await plane.restart();
  plane.clock.advance(5_000);
  while (state.keyring.byId.size > 2) await follow();
  assert.ok(!opens(old) && opens(fresh));

  // Two in a row: what waited is promoted at once, and never more than three are valid.
  await plane.call('POST', '/v1/keys/rotate');
  await plane.call('POST', '/v1/keys/rotate');
  while (state.keyring.byId.size < 3) await follow();
  plane.clock.advance(5_000);
  while (state.keyring.byId.size > 2) await follow();
  assert.ok(!opens(fresh));
});

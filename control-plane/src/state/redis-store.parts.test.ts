/** The store on a Redis that dies, hangs, and comes back. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { FeedMessage, FeedPage } from '@headwater/protocol/feed';
import { systemClock } from '@headwater/service/clock';
import { startTestRedis, type TestRedis } from '../test-redis.ts';
import { startTestRelay } from '../test-relay.ts';
import { openRedisStore } from './redis-store.ts';
import { State } from './state.ts';
import { type Store, StoreUnavailable } from './store.ts';

const MESSAGE: FeedMessage = { type: 'node-removed', id: 'x' };

async function open(redis: TestRedis, onAvailable?: (available: boolean) => void): Promise<Store> {
  const told = onAvailable === undefined ? {} : { onAvailable };
  return openRedisStore({ url: redis.url, clock: systemClock, ...told });
}

/** The store says that the log may have grown, as it also does when it has begun to follow it. */
async function woken(store: Store): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = store.onGrowth(resolve);
  await promise;
  stop();
}

/** How long a question took to fail. */
async function failureMs(store: Store): Promise<number> {
  const startMs = performance.now();
  await assert.rejects(store.get('stream', 'a'), StoreUnavailable);
  return performance.now() - startMs;
}

/** Asks until it is answered. */
async function answered(store: Store): Promise<void> {
  for (const endMs = performance.now() + 10_000; performance.now() < endMs;) {
    const there = await store.head().then(
      () => true,
      () => false,
    );
    if (there) return;
    await delay(20);
  }
  assert.fail('the store did not come back');
}

test('a dead Redis answers at once, and is used again when it is back', async () => {
  await using redis = await startTestRedis({ durable: true });
  const changes: boolean[] = [];
  await using store = await open(redis, (available) => changes.push(available));
  await redis.kill();
  await assert.rejects(store.get('stream', 'a'), StoreUnavailable);
  const tookMs = [];
  for (let n = 0; n < 20; n += 1) tookMs.push(await failureMs(store));
  const median = tookMs.toSorted((a, b) => a - b)[10] ?? Infinity;
  assert.ok(median < 5, `a failure took ${median} ms`);
  await redis.start();
  await answered(store);
  assert.deepEqual(changes, [false, true]);
});

test('a hung Redis costs 50 ms three times, and then nothing', async () => {
  await using redis = await startTestRedis();
  await using store = await open(redis);
  redis.signal('SIGSTOP');
  try {
    const tookMs = [await failureMs(store), await failureMs(store), await failureMs(store)];
    for (const ms of tookMs) assert.ok(ms > 40 && ms < 150, `${ms} ms`);
    assert.ok((await failureMs(store)) < 5, 'the breaker is open');
  } finally {
    redis.signal('SIGCONT');
  }
  await answered(store);
});

test('what was committed before a crash is there after it, and who waits for the log misses nothing', async () => {
  await using redis = await startTestRedis({ durable: true });
  await using ours = await open(redis);
  const cursor = await ours.head();
  await redis.kill();
  await redis.start();
  {
    // Another replica is quicker to connect again, and writes into the gap.
    await using theirs = await open(redis);
    assert.equal(await theirs.commit({ changes: [], log: [MESSAGE] }), 'done');
  }
  await answered(ours);
  for (let page = null; (page?.messages.length ?? 0) === 0;) page = await ours.changesSince(cursor, 9);
  // From here on the log's growth wakes who waits, though the connection is a new one.
  const { promise: woken, resolve } = Promise.withResolvers<void>();
  ours.onGrowth(resolve);
  await ours.commit({ changes: [], log: [MESSAGE] });
  await woken;
});

test('growth at one replica wakes those who wait at another', async () => {
  await using redis = await startTestRedis();
  await using ours = await open(redis);
  await using theirs = await open(redis);
  const { promise: woken, resolve } = Promise.withResolvers<void>();
  const cursor = await ours.head();
  ours.onGrowth(resolve);
  await theirs.commit({ changes: [], log: [MESSAGE] });
  await woken;
  assert.deepEqual((await ours.changesSince(cursor, 9))?.messages, [MESSAGE]);
});

test('a Redis that lost its data is refused: an empty catalogue is not the truth', async () => {
  await using redis = await startTestRedis();
  await using store = await open(redis);
  const cursor = await store.head();
  await store.commit({ changes: [{ collection: 'stream', id: 'a', expect: 0, body: 1 }], log: [MESSAGE] });
  await redis.client.flushall();
  await assert.rejects(store.changesSince(cursor, 9), /lost its data/);
  await assert.rejects(store.head(), /lost its data/);
  await assert.rejects(store.commit({ changes: [], log: [MESSAGE] }), /lost its data/);
  await assert.rejects(store.get('stream', 'a'), /lost its data/);
  await assert.rejects(store.list('stream'), /lost its data/);
  await assert.rejects(store.count('stream'), /lost its data/);
});

test('who was woken and could not read is woken again, though the log grows no more', { timeout: 10_000 }, async () => {
  await using redis = await startTestRedis();
  await using ours = await open(redis);
  await woken(ours);
  await using theirs = await open(redis);
  const cursor = await ours.head();
  const { promise: read, resolve } = Promise.withResolvers<FeedPage | null>();
  let times = 0;
  ours.onGrowth(() => {
    times += 1;
    if (times === 1) redis.signal('SIGSTOP');
    ours.changesSince(cursor, 9).then(resolve, () => redis.signal('SIGCONT'));
  });
  // The server may be stopped before it has answered.
  await theirs.commit({ changes: [], log: [MESSAGE] }).catch(() => undefined);
  assert.deepEqual((await read)?.messages, [MESSAGE]);
  assert.ok(times > 1);
});

test(
  'a connection that carries nothing any more is given up, and growth is seen by another',
  { timeout: 20_000 },
  async () => {
    await using redis = await startTestRedis();
    await using relay = await startTestRelay(Number(new URL(redis.url).port));
    await using ours = await openRedisStore({ url: `redis://127.0.0.1:${relay.port}`, clock: systemClock });
    await woken(ours);
    await using theirs = await open(redis);
    relay.silence();
    await Promise.all([woken(ours), theirs.commit({ changes: [], log: [MESSAGE] })]);
  },
);

test('a connection that breaks again and again leaves nothing behind', async () => {
  await using redis = await startTestRedis();
  await using store = await open(redis);
  await woken(store);
  const warnings: Error[] = [];
  const note = (warning: Error): void => void warnings.push(warning);
  process.on('warning', note);
  for (let round = 0; round < 12; round += 1) {
    await Promise.all([woken(store), redis.client.call('CLIENT', 'KILL', 'TYPE', 'NORMAL', 'SKIPME', 'YES')]);
  }
  process.off('warning', note);
  assert.deepEqual(warnings, []);
});

test('room is made among as many revocations as there may be, in a step that stays short', async () => {
  await using redis = await startTestRedis();
  await using store = await open(redis);
  const limits = { count: 30_000, keepMs: 1_000 };
  for (let start = 0; start < limits.count; start += 500) {
    const sessions = Array.from({ length: 500 }, (_, n) => start + n);
    await redis.client.hset(
      '{headwater}:doc:revocation',
      Object.fromEntries(sessions.map((n) => [`s:s${n}`, `1:{"session":"s${n}","atMs":${n}}`])),
    );
    await redis.client.zadd('{headwater}:ids:revocation', ...sessions.flatMap((n) => [0, `s:s${n}`]));
  }
  const state = new State(store);
  assert.equal(await state.revoke({ session: 'new', atMs: 100_000 }, limits), 'created');
  assert.equal(await store.get('revocation', 's:s0'), null);
  assert.notEqual(await store.get('revocation', 's:s29999'), null);
});

test('without a Redis at the start there is an error that says so', async () => {
  await assert.rejects(
    openRedisStore({ url: 'redis://127.0.0.1:9', clock: systemClock }),
    /StoreUnavailable: Redis did not answer at the start/,
  );
});

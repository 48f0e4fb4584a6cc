/** A node of several processes over one origin. */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { Agent, type IncomingMessage, request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import type { FeedPage } from '@headwater/protocol/feed';
import type { FeedState } from '@headwater/protocol/feed-state';
import { ListenError } from '@headwater/service/listen';
import { type Answer, ask, feedOf, mint } from '../edge-rig.ts';
import { FIRST_NUMBER, type MediaTrack, PARTS, makeMedia } from '../fake-media.ts';
import { FakeOrigin } from '../fake-origin.ts';
import { ownerOf } from './ownership.ts';
import type { RunningNode } from './start-node.ts';
import { MANY, askOnMany, isReady, metric, purge, startNodeRig, until } from './node-rig.ts';

const EPOCH = 'epoch0000';
/** A worker that is killed is replaced within a second; on a machine that is busy elsewhere, within a few starts of a node. */
const REPLACED_MS = 1_000;
const STARTS = 3;
const LOAD_VIEWERS = 4;

let media: readonly MediaTrack[];

before(() => {
  media = makeMedia(6);
});

interface Rig extends AsyncDisposable {
  readonly origin: FakeOrigin;
  readonly node: RunningNode;
  readonly feed: FeedState;
  /** events in the node's own log */
  readonly events: string[];
  readonly root: string;
}

async function startRig(workers = 2): Promise<Rig> {
  const origin = await FakeOrigin.start(media);
  origin.advance(2 * PARTS + 3);
  const feed = feedOf(origin.url);
  const events: string[] = [];
  const node = await startNodeRig(feed, { workers, onEvent: (event) => void events.push(event) });
  return {
    origin,
    node,
    feed,
    events,
    root: `/t/${mint('show')}/live/show`,
    async [Symbol.asyncDispose]() {
      await node[Symbol.asyncDispose]();
      await origin[Symbol.asyncDispose]();
    },
  };
}

describe('two workers', () => {
  let rig: Rig;

  before(async () => {
    rig = await startRig();
  });
  after(() => rig[Symbol.asyncDispose]());

  test('a thousand who ask at once for what nobody has cost the origin one request', async () => {
    const { node, origin, root } = rig;
    const number = FIRST_NUMBER + 1;
    const answers = await askOnMany(node, `${root}/a0/${EPOCH}/${number}.m4s`, 1_000);
    for (const { status, body } of answers) {
      assert.equal(status, 200);
      assert.ok(body.equals(origin.bytesOf('a0', number)));
    }
    assert.equal(origin.fetched.get(`/cmaf/show/a0/${EPOCH}/${number}`), 1);
    assert.equal(await metric(node, 'headwater_edge_fills_started_total'), 2, 'one worker asks, the other asks it');
    assert.equal(await metric(node, 'headwater_edge_requests_total{kind="segment"'), 1_000);
  });

  test('every object that a player finds is there, byte for byte, whichever worker is asked, and was fetched once', async () => {
    const { node, origin, root } = rig;
    for (const track of ['v180', 'a0']) {
      const init = await askOnMany(node, `${root}/${track}/${EPOCH}/init.mp4`);
      assert.equal(new Set(init.map(({ status, body }) => `${status} ${body.toString('base64')}`)).size, 1);
      for (const part of [0, 1, 2]) {
        const answers = await askOnMany(node, `${root}/${track}/${EPOCH}/${FIRST_NUMBER + 2}.${part}.m4s`);
        for (const { status, body } of answers) {
          assert.equal(status, 200);
          assert.ok(body.equals(origin.bytesOf(track, FIRST_NUMBER + 2, part)));
        }
      }
    }
    const ts = await askOnMany(node, `${root}/v180/${EPOCH}/${FIRST_NUMBER}.ts`);
    assert.equal(new Set(ts.map(({ status, body }) => `${status} ${body.toString('base64')}`)).size, 1);
    for (const [path, count] of origin.fetched) assert.equal(count, 1, path);
  });

  test('one timeline and one part to come of each track are asked for, and what comes releases who waits anywhere', async () => {
    const { node, origin, root } = rig;
    const blocked = (part: number): Promise<Answer[]> =>
      askOnMany(node, `${root}/v180/media.m3u8?_HLS_msn=${FIRST_NUMBER + 2}&_HLS_part=${part}`);
    const waiting = blocked(3);
    // The timeline, and the next part of the one track that is watched.
    await until(() => origin.waiting === 2);
    await until(async () => (await metric(node, 'headwater_edge_waiting')) === MANY);
    assert.equal(origin.waiting, 2);
    origin.advance();
    for (const { status, text } of await waiting) {
      assert.equal(status, 200);
      assert.match(text, new RegExp(`${FIRST_NUMBER + 2}\\.3\\.m4s`));
    }
    assert.equal(origin.fetched.get(`/cmaf/show/v180/${EPOCH}/${FIRST_NUMBER + 2}.3`), 1);
  });

  test('a purge takes effect in every worker, and is done when it has', async () => {
    const { node, origin, feed, root } = rig;
    const path = `/cmaf/show/a0/${EPOCH}/${FIRST_NUMBER}`;
    const url = `${root}/a0/${EPOCH}/${FIRST_NUMBER}.m4s`;
    await askOnMany(node, url);
    assert.equal(origin.fetched.get(path), 1);
    await purge(node, feed, { url: `/live/show/a0/${EPOCH}/${FIRST_NUMBER}.m4s` });
    const answers = await askOnMany(node, url);
    const misses = answers.filter(({ headers }) => headers['cache-status'] === '"edge-1"; fwd=uri-miss').length;
    // The owner's own first viewer may have joined what the other worker asked for.
    assert.ok(misses === 1 || misses === 2, `${misses} misses`);
    assert.equal(origin.fetched.get(path), 2);
    assert.equal(await metric(node, 'headwater_edge_purges_total'), 1, 'the node purged once');
  });

  test('what a page tells is known to every worker', async () => {
    const { node, feed } = rig;
    assert.ok((await askOnMany(node, '/live/show/master.m3u8')).every(({ status }) => status === 403));
    const stream = { name: 'show', policy: 'public', origin: 'origin-1', keyHash: '', ladder: null } as const;
    const page: FeedPage = { cursor: '3', snapshot: false, messages: [{ type: 'stream', stream }] };
    feed.apply(page);
    await node.carryOut(page);
    assert.ok((await askOnMany(node, '/live/show/master.m3u8')).every(({ status }) => status === 200));
  });

  test('a second node on its port is refused', async () => {
    const { feed, node } = rig;
    await assert.rejects(startNodeRig(feed, { port: node.port }), ListenError);
  });
});

describe('a worker that ends', () => {
  test('takes its own connections with it and no others, and is replaced', async () => {
    await using rig = await startRig();
    const { node, origin, events, root } = rig;
    const paths = ['v180', 'a0'].map((track) => `${root}/${track}/${EPOCH}/${FIRST_NUMBER}.m4s`);
    await askOnMany(node, paths[0] ?? '');
    const viewers = await Promise.all(Array.from({ length: MANY }, () => connectViewer(node, paths[0] ?? '')));
    const counted = await metric(node, 'headwater_edge_requests_total');
    const [victim] = node.pids();
    assert.ok(victim !== undefined);
    process.kill(victim, 'SIGKILL');
    const kept: boolean[] = [];
    for (const viewer of viewers) kept.push(await viewer.get(paths[0] ?? ''));
    const survivors = viewers.filter((_, index) => kept[index]);
    assert.ok(survivors.length > 0 && survivors.length < MANY, `${survivors.length} of ${MANY} go on`);
    for (const viewer of survivors) {
      for (const path of paths) assert.ok(await viewer.get(path), 'and have what the dead one owned as well');
    }
    await until(() => isReady(node));
    assert.notEqual(node.pids()[0], victim);
    assert.deepEqual(events.slice(-2), ['worker_ended', 'worker_serves']);
    for (const { status, body } of await askOnMany(node, paths[1] ?? '')) {
      assert.equal(status, 200);
      assert.ok(body.equals(origin.bytesOf('a0', FIRST_NUMBER)));
    }
    assert.ok((await metric(node, 'headwater_edge_requests_total')) > counted, 'a counter never goes back');
    assert.equal(await metric(node, 'headwater_edge_workers_ended_total'), 1);
    for (const viewer of viewers) viewer.leave();
  });

  test('under load is replaced in the time that a process takes to start, and nobody is refused meanwhile', async (context) => {
    const bornMs = performance.now();
    await using rig = await startRig();
    const startMs = performance.now() - bornMs;
    const { node, origin, events, root } = rig;
    const load = startLoad(node, `${root}/a0/${EPOCH}/${FIRST_NUMBER}.m4s`);
    await until(() => load.bodies.length > MANY);
    const [victim] = node.pids();
    assert.ok(victim !== undefined);
    process.kill(victim, 'SIGKILL');
    await until(() => events.includes('worker_ended'));
    // What was on its way to the dead one is reset. From here on the system knows that it is gone.
    const endedMs = performance.now();
    const before = load.bodies.length;
    await until(() => events.at(-1) === 'worker_serves');
    const tookMs = performance.now() - endedMs;
    const meanwhile = load.bodies.length - before;
    await load.stop();
    context.diagnostic(
      `${tookMs.toFixed(0)} ms, ${meanwhile} answers meanwhile; a node starts in ${startMs.toFixed(0)} ms`,
    );
    assert.ok(meanwhile > 0, 'the other goes on');
    assert.deepEqual(
      load.failures.filter(({ beganMs }) => beganMs > endedMs),
      [],
    );
    for (const body of load.bodies) assert.ok(body.equals(origin.bytesOf('a0', FIRST_NUMBER)));
    assert.ok(tookMs < Math.max(REPLACED_MS, STARTS * startMs), `${tookMs} ms, where a node starts in ${startMs} ms`);
  });

  test('is killed when it says nothing to a purge; until then the purge is not done', async () => {
    await using rig = await startRig();
    const { node, origin, feed, root } = rig;
    const url = `${root}/a0/${EPOCH}/${FIRST_NUMBER}.m4s`;
    const viewers = await Promise.all(Array.from({ length: MANY }, () => connectViewer(node, url)));
    const victim = node.pids()[2 - ownerOf('show', [1, 2])];
    assert.ok(victim !== undefined);
    process.kill(victim, 'SIGSTOP');
    let isDone = false;
    const done = purge(node, feed, { all: true }).then(() => (isDone = true));
    let isFresh = false;
    while (!isFresh) {
      await Promise.any(viewers.map((viewer) => viewer.get(url)));
      isFresh = origin.fetched.get(`/cmaf/show/a0/${EPOCH}/${FIRST_NUMBER}`) === 2;
    }
    assert.equal(isDone, false, 'one worker has done it, and one has not');
    await done;
    await until(() => isReady(node));
    assert.equal(node.pids().includes(victim), false);
    assert.ok((await askOnMany(node, url)).every(({ status }) => status === 200));
    for (const viewer of viewers) viewer.leave();
  });

  test('with the node ends in order, and leaves no process and no socket', async () => {
    const rig = await startRig(3);
    const pids = rig.node.pids();
    assert.equal(new Set(pids).size, 3);
    await rig[Symbol.asyncDispose]();
    for (const pid of pids) assert.equal(existsSync(`/proc/${pid}`), false, `process ${pid}`);
  });
});

/** Asks over and over, on a new connection each time. */
function startLoad(node: RunningNode, path: string) {
  const bodies: Buffer[] = [];
  const failures: { readonly beganMs: number; readonly why: string }[] = [];
  const over = new AbortController();
  const one = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const beganMs = performance.now();
      try {
        const { status, body } = await ask(node, path);
        if (status === 200) bodies.push(body);
        else failures.push({ beganMs, why: String(status) });
      } catch (error) {
        failures.push({ beganMs, why: String(error) });
      }
    }
  };
  const all = Array.from({ length: LOAD_VIEWERS }, one);
  return {
    bodies,
    failures,
    async stop(): Promise<void> {
      over.abort();
      await Promise.all(all);
    },
  };
}

interface Viewer {
  /** false: the connection is gone */
  get(path: string): Promise<boolean>;
  leave(): void;
}

/** One who keeps a connection. */
async function connectViewer(node: RunningNode, path: string): Promise<Viewer> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let port: number | undefined;
  const get = (wanted: string): Promise<boolean> =>
    new Promise((resolve) => {
      const outgoing = request({ host: '127.0.0.1', port: node.port, path: wanted, agent });
      outgoing.once('error', () => resolve(false));
      outgoing.once('response', (response: IncomingMessage) => {
        const local = response.socket.localPort;
        port ??= local;
        response.once('error', () => resolve(false));
        response.once('end', () => resolve(response.statusCode === 200 && response.complete && local === port));
        response.resume();
      });
      outgoing.end();
    });
  assert.ok(await get(path));
  return { get, leave: () => agent.destroy() };
}

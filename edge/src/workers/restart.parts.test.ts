/** Workers are replaced under load: no request fails, no answer is cut, no counter goes back. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { Agent, type IncomingMessage, request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import type { FeedState } from '@headwater/protocol/feed-state';
import { ask, feedOf, mint } from '../edge-rig.ts';
import { FIRST_NUMBER, type MediaTrack, PARTS, makeMedia } from '../fake-media.ts';
import { FakeOrigin } from '../fake-origin.ts';
import { isReady, metric, purge, startNodeRig, until } from './node-rig.ts';
import type { RunningNode } from './start-node.ts';

const EPOCH = 'epoch0000';
const RESTARTS = 5;
/** Half of them on connections that are kept. */
const REQUESTS_PER_SECOND = 500;
const TICK_MS = 20;
/** A machine that is busy elsewhere answers no more; that alone is no failure. */
const LEAST_ANSWERED = 1_000;
const SEGMENTS = 'headwater_edge_requests_total{kind="segment"';

let media: readonly MediaTrack[];

before(() => {
  media = makeMedia(3);
});

interface Tally {
  answered: number;
  readonly failures: string[];
}

/** Asks at an even rate until it is stopped; every answer is compared byte for byte. */
function startLoad(node: RunningNode, objects: readonly { path: string; body: Buffer }[]) {
  const tally: Tally = { answered: 0, failures: [] };
  const kept = new Agent({ keepAlive: true, maxSockets: 32 });
  const fresh = new Agent({ keepAlive: false });
  const open = new Set<Promise<void>>();
  let asked = 0;
  const one = async (): Promise<void> => {
    const object = objects[asked % objects.length];
    asked += 1;
    if (object === undefined) return;
    try {
      const body = await read(node.port, object.path, asked % 2 === 0 ? kept : fresh);
      if (body.equals(object.body)) tally.answered += 1;
      else tally.failures.push(`${object.path}: ${body.length} of ${object.body.length} bytes`);
    } catch (error) {
      tally.failures.push(String(error));
    }
  };
  const timer = setInterval(() => {
    for (let each = 0; each < (REQUESTS_PER_SECOND * TICK_MS) / 1000; each += 1) {
      const work = one().finally(() => open.delete(work));
      open.add(work);
    }
  }, TICK_MS);
  return {
    tally,
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
      kept.destroy();
    },
  };
}

async function read(port: number, path: string, agent: Agent): Promise<Buffer> {
  const outgoing = request({ host: '127.0.0.1', port, path, agent });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece as Buffer);
  if (response.statusCode !== 200 || !response.complete) throw new Error(`${response.statusCode}, cut off`);
  return Buffer.concat(pieces);
}

describe('a node whose workers are replaced', () => {
  let origin: FakeOrigin;
  let feed: FeedState;
  let node: RunningNode;
  let objects: { path: string; body: Buffer }[];

  before(async () => {
    origin = await FakeOrigin.start(media);
    origin.advance(2 * PARTS);
    feed = feedOf(origin.url);
    node = await startNodeRig(feed);
    objects = ['v180', 'a0'].flatMap((track) =>
      [0, 1].map((index) => ({
        path: `/t/${mint('show')}/live/show/${track}/${EPOCH}/${FIRST_NUMBER + index}.m4s`,
        body: origin.bytesOf(track, FIRST_NUMBER + index),
      })),
    );
  });
  after(async () => {
    await node[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
  });

  test(`${RESTARTS} times under ${REQUESTS_PER_SECOND} requests a second: none fails, none is cut`, async (context) => {
    const load = startLoad(node, objects);
    const startMs = performance.now();
    for (let restart = 0; restart < RESTARTS; restart += 1) {
      const before = node.pids();
      await node.restart();
      assert.ok(
        node.pids().every((pid) => pid !== undefined && !before.includes(pid)),
        'all of them are new',
      );
      assert.ok(await isReady(node));
    }
    const seconds = (performance.now() - startMs) / 1000;
    await load.stop();
    const { answered, failures } = load.tally;
    context.diagnostic(`${answered} whole answers in ${seconds.toFixed(1)} s, ${failures.length} failures`);
    assert.deepEqual(failures, []);
    assert.ok(answered > LEAST_ANSWERED, 'there was load');
    assert.equal(await metric(node, SEGMENTS), answered, 'what the replaced ones counted stays');
  });

  test('answers that take their time come to their end, from the worker that began them', async () => {
    origin.advance(1);
    const number = FIRST_NUMBER + 2;
    const path = `/t/${mint('show')}/live/show/v180/${EPOCH}/${number}.m4s`;
    const answers = Array.from({ length: 16 }, () => read(node.port, path, new Agent({ keepAlive: false })));
    await until(async () => (await metric(node, 'headwater_edge_waiting')) >= answers.length);
    await node.restart();
    // A part that lets itself be waited for too long is a failure of its own.
    origin.advance(1);
    await node.restart();
    origin.advance(PARTS - 2);
    for (const body of await Promise.all(answers)) assert.ok(body.equals(origin.bytesOf('v180', number)));
  });

  test('on a connection that is idle one more request is answered, and told to be the last', async () => {
    const { path } = objects[0] as (typeof objects)[number];
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await read(node.port, path, agent);
    const [idle] = Object.values(agent.freeSockets).flat();
    assert.ok(idle !== undefined);
    const replaced = node.pids();
    await node.restart();
    const counted = await metric(node, SEGMENTS);
    const outgoing = request({ host: '127.0.0.1', port: node.port, path, agent });
    outgoing.end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    response.resume();
    await once(response, 'end');
    assert.deepEqual([response.statusCode, response.headers.connection, outgoing.reusedSocket], [200, 'close', true]);
    agent.destroy();
    await until(() => replaced.every((pid) => !existsSync(`/proc/${pid}`)));
    assert.equal(await metric(node, SEGMENTS), counted + 1, 'what the replaced one answered last is counted');
  });

  test('what is purged while workers are replaced is gone in all of them', async () => {
    const { path } = objects[1] as (typeof objects)[number];
    await ask(node, path);
    const restarted = node.restart();
    await purge(node, feed, { prefix: '/live/show/' });
    await restarted;
    const before = origin.fetched.get(`/cmaf/show/v180/${EPOCH}/${FIRST_NUMBER + 1}`) ?? 0;
    await Promise.all(Array.from({ length: 20 }, () => ask(node, path)));
    assert.ok((origin.fetched.get(`/cmaf/show/v180/${EPOCH}/${FIRST_NUMBER + 1}`) ?? 0) > before);
  });
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, before, beforeEach, describe, test } from 'node:test';
import { createCache } from './cache.ts';
import { ask, feedOf, mint, startRig, until } from './edge-rig.ts';
import { FIRST_NUMBER, type MediaTrack, PARTS, makeMedia } from './fake-media.ts';
import { FakeOrigin } from './fake-origin.ts';
import { type Fill, type FillResult, Fills } from './fill.ts';
import { createViewerServer } from './http-server.ts';
import { replyGrowing } from './reply.ts';
import type { RunningEdge } from './start-edge.ts';
import { storeMedia } from './stored.ts';
import { Unsent } from './unsent.ts';

const UNBOUND = new Unsent({ limitBytes: Infinity, onCut: () => undefined });
const PATIENT = { withinMs: 5_000 };

function fillsOf(
  options: { limit?: number; limitBytes?: number; objectLimitBytes?: number; deadlineMs?: number } = {},
) {
  const cache = createCache(1024 * 1024);
  const ended: string[] = [];
  const events = {
    fillStarted: () => undefined,
    fillJoined: () => undefined,
    fillEnded: (_: string, result: FillResult) => void ended.push(result.ok ? 'stored' : result.reason),
    recipeThrew: () => void ended.push('threw'),
  };
  const { limit = 10, limitBytes = 64 * 1024 * 1024, objectLimitBytes = 1024, deadlineMs = 5_000 } = options;
  return { cache, ended, fills: new Fills({ cache, events, limit, limitBytes, objectLimitBytes, deadlineMs }) };
}

/** A recipe that the test carries out by hand. */
function byHand() {
  const { promise, resolve } = Promise.withResolvers<FillResult>();
  const begun = Promise.withResolvers<Fill>();
  const recipe = (fill: Fill): Promise<FillResult> => {
    begun.resolve(fill);
    return promise;
  };
  const finish = (fill: Fill): void =>
    resolve({ ok: true, stored: storeMedia('k', fill.body(), { mediaType: 'video/mp4', madeMs: 0 }) });
  return { recipe, resolve, finish, begun: begun.promise };
}

describe('a fill', () => {
  test('is read while it is written, by each reader from its own place', async () => {
    const { fills, cache } = fillsOf();
    const hand = byHand();
    const fill = fills.joinOrStart('k', hand.recipe)?.fill as Fill;
    assert.equal(fills.joinOrStart('k', hand.recipe)?.fill, fill);
    const whole = fill.whole(PATIENT);
    assert.ok(fill.append(Buffer.from('hello ')));
    assert.equal(fill.read(0).toString(), 'hello ');
    const early = fill.read(3);
    assert.ok(fill.append(Buffer.from('world')));
    assert.equal(early.toString(), 'lo ');
    assert.equal(fill.read(6).toString(), 'world');
    hand.finish(fill);
    const result = await whole;
    assert.ok(result.ok && result.stored.body.toString() === 'hello world');
    assert.equal(cache.get('k')?.body.toString(), 'hello world');
    assert.equal(fills.count, 0);
  });

  test('that was abandoned is joined by nobody, and counts until its recipe has ended', async () => {
    const { fills, ended } = fillsOf({ limit: 2 });
    const left = byHand();
    const abandoned = fills.joinOrStart('k', left.recipe)?.fill as Fill;
    abandoned.abort('abandoned');
    const again = byHand();
    const fresh = fills.joinOrStart('k', again.recipe);
    assert.ok(fresh !== null && !fresh.joined && fresh.fill !== abandoned);
    assert.equal(fills.count, 2);
    assert.equal(fills.joinOrStart('other', byHand().recipe), null);
    left.finish(abandoned);
    await abandoned.whole(PATIENT);
    await new Promise(setImmediate);
    assert.equal(fills.joinOrStart('k', byHand().recipe)?.fill, fresh.fill, 'the late end leaves its successor alone');
    const whole = fresh.fill.whole(PATIENT);
    again.finish(fresh.fill);
    assert.ok((await whole).ok);
    assert.deepEqual(ended, ['abandoned', 'stored']);
    assert.equal(fills.count, 0);
  });

  test('that fails leaves nothing behind', async () => {
    const { fills, cache, ended } = fillsOf();
    const hand = byHand();
    const fill = fills.joinOrStart('k', hand.recipe)?.fill as Fill;
    fill.append(Buffer.from('half'));
    const whole = fill.whole(PATIENT);
    hand.resolve({ ok: false, reason: 'unavailable' });
    assert.deepEqual(await whole, { ok: false, reason: 'unavailable' });
    assert.equal(cache.size, 0);
    const thrown = fills.joinOrStart('k', () => Promise.reject(new Error('boom')))?.fill;
    assert.deepEqual(await thrown?.whole(PATIENT), { ok: false, reason: 'unavailable' });
    assert.deepEqual(ended, ['unavailable', 'threw', 'unavailable']);
  });

  test('holds so many bytes and no more, and there are so many fills and no more', () => {
    const { fills } = fillsOf({ limit: 2, objectLimitBytes: 10 });
    const fill = fills.joinOrStart('a', byHand().recipe)?.fill as Fill;
    assert.equal(fill.expect(10), true);
    assert.equal(fill.expect(11), false);
    assert.equal(fill.append(Buffer.alloc(10)), true);
    assert.equal(fill.append(Buffer.alloc(1)), false);
    assert.notEqual(fills.joinOrStart('b', byHand().recipe), null);
    assert.equal(fills.joinOrStart('c', byHand().recipe), null);
    assert.notEqual(fills.joinOrStart('a', byHand().recipe), null);
    fills.abortAll();
  });

  test('all under way together hold so much memory and no more, and give it back', async () => {
    const { fills, ended } = fillsOf({ limitBytes: 25, objectLimitBytes: 20 });
    const hands = [byHand(), byHand(), byHand()] as const;
    const [first, second, third] = hands.map(
      (hand, index) => fills.joinOrStart(`k${index}`, hand.recipe)?.fill as Fill,
    );
    assert.ok(first?.expect(20) === true && second?.append(Buffer.alloc(5)) === false, 'it would take 20');
    assert.equal(second.signal.aborted, true);
    assert.equal(third?.expect(5), true);
    assert.equal(fills.heldBytes, 25);
    for (const [index, hand] of hands.entries()) hand.finish([first, second, third][index] as Fill);
    await new Promise(setImmediate);
    assert.deepEqual(ended, ['stored', 'overloaded', 'stored']);
    assert.equal(fills.heldBytes, 0);
    const again = fills.joinOrStart('k3', byHand().recipe)?.fill;
    assert.equal(again?.expect(20), true);
    again?.abort('abandoned');
    assert.equal(again?.append(Buffer.alloc(20)), true, 'what is there may be written');
  });

  test('ends with its deadline, and when its last reader leaves', async () => {
    const { fills } = fillsOf({ deadlineMs: 10 });
    const late = fills.joinOrStart('k', byHand().recipe)?.fill as Fill;
    assert.deepEqual(await late.whole(PATIENT), { ok: false, reason: 'timeout' });
    assert.ok(late.signal.aborted);

    const lonely = fillsOf().fills.joinOrStart('k', byHand().recipe)?.fill as Fill;
    const left = new AbortController();
    const first = lonely.whole({ ...PATIENT, signal: left.signal });
    const second = lonely.whole({ withinMs: 1 });
    assert.deepEqual(await second, { ok: false, reason: 'timeout' });
    assert.equal(lonely.signal.aborted, false, 'one is still there');
    left.abort();
    assert.deepEqual(await first, { ok: false, reason: 'timeout' });
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(lonely.signal.aborted);
  });
});

describe('from an origin', () => {
  const EPOCH = 'epoch0000';
  const SEGMENT = `v180/${EPOCH}/${FIRST_NUMBER}.m4s`;
  const ROOT = `/t/${mint('show')}/live/show`;
  let media: readonly MediaTrack[];
  let origin: FakeOrigin;
  let edge: RunningEdge;

  before(() => {
    media = makeMedia(4);
  });
  beforeEach(async () => {
    origin = await FakeOrigin.start(media);
    origin.advance(PARTS + 2);
    edge = await startRig(feedOf(origin.url), { limits: { deadlineMs: 700, fillDeadlineMs: 1_500 } });
  });
  afterEach(async () => {
    await edge[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
  });

  test('200 requests at once for a cold segment are one fetch', async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, () => ask(edge, `${ROOT}/${SEGMENT}`)));
    const whole = origin.bytesOf('v180', FIRST_NUMBER);
    for (const answer of answers) assert.ok(answer.complete && answer.body.equals(whole));
    assert.equal(origin.fetched.get(`/cmaf/show/v180/${EPOCH}/${FIRST_NUMBER}`), 1);
    const joined = answers.filter(({ headers }) => /collapsed/.test(String(headers['cache-status'])));
    assert.ok(joined.length > 0);
  });

  test('one that dies in the middle is taken up where it stopped, unseen by all who read', async () => {
    origin.fail(/895000000$/, 'die-mid-body', 2);
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(edge, `${ROOT}/${SEGMENT}`)));
    for (const { complete, body } of answers) {
      assert.ok(complete && body.equals(origin.bytesOf('v180', FIRST_NUMBER)));
    }
    assert.equal(origin.fetched.get(`/cmaf/show/v180/${EPOCH}/${FIRST_NUMBER}`), 3);
  });

  test('a rest of another length is another object, and a body without a length may be half of one', async () => {
    origin.fail(/895000000$/, 'die-mid-body', 1);
    origin.fail(/895000000$/, 'longer', 1);
    const answer = await ask(edge, `${ROOT}/${SEGMENT}`);
    assert.ok(answer.complete && answer.body.equals(origin.bytesOf('v180', FIRST_NUMBER)));
    assert.equal(origin.fetched.get(`/cmaf/show/v180/${EPOCH}/${FIRST_NUMBER}`), 3);

    origin.fail(/a0.*895000000$/, 'unframed', 1);
    const sound = await ask(edge, `${ROOT}/a0/${EPOCH}/${FIRST_NUMBER}.m4s`);
    assert.ok(sound.complete && sound.body.equals(origin.bytesOf('a0', FIRST_NUMBER)));
    assert.equal(origin.fetched.get(`/cmaf/show/a0/${EPOCH}/${FIRST_NUMBER}`), 2);
  });

  test('to HTTP/1.0, which has no chunks, nothing is sent before it is whole', async () => {
    const at = FIRST_NUMBER + 1;
    const socket = connect(edge.port, '127.0.0.1');
    socket.write(`GET ${ROOT}/v180/${EPOCH}/${at}.m4s HTTP/1.0\r\n\r\n`);
    const answer = text(socket);
    while (origin.waiting < 2) await new Promise((resolve) => setImmediate(resolve));
    origin.advance(PARTS - 2);
    const size = origin.bytesOf('v180', at).length;
    assert.match(await answer, new RegExp(`^HTTP/1\\.1 200 OK\r\n.*Content-Length: ${size}\r\n`, 's'));
  });

  test('one that keeps dying is cut off in the open, never ended short, never kept', async () => {
    origin.fail(/895000000$/, 'die-mid-body', 100);
    const answer = await ask(edge, `${ROOT}/${SEGMENT}`);
    assert.equal(answer.status, 200);
    assert.equal(answer.complete, false);
    const metrics = (await ask({ port: edge.adminPort }, '/metrics')).text;
    assert.match(metrics, /headwater_edge_cut_total 1\n/);
    const again = await ask(edge, `${ROOT}/${SEGMENT}`);
    assert.deepEqual([again.headers['cache-status'], again.complete], ['"edge-1"; fwd=uri-miss', false]);
  });

  test('a growing segment that loses its origin has no end: nobody takes the half for the whole', async () => {
    const at = FIRST_NUMBER + 1;
    origin.fail(new RegExp(`${at}\\.3$`), 'die-mid-body', 100);
    const growing = ask(edge, `${ROOT}/v180/${EPOCH}/${at}.m4s`);
    while (origin.waiting < 2) await new Promise((resolve) => setImmediate(resolve));
    origin.advance(PARTS - 2);
    const answer = await growing;
    assert.deepEqual([answer.status, answer.headers['transfer-encoding'], answer.complete], [200, 'chunked', false]);
    assert.ok(answer.body.length < origin.bytesOf('v180', at).length);
  });

  test('an edge that stops lets the answers under way end, and keeps no connection for more', async () => {
    const at = FIRST_NUMBER + 1;
    const growing = ask(edge, `${ROOT}/v180/${EPOCH}/${at}.m4s`);
    const blocked = ask(edge, `${ROOT}/v180/media.m3u8?_HLS_msn=${at}&_HLS_part=2`);
    const kept = connect(edge.port, '127.0.0.1');
    kept.write(`GET ${ROOT}/v180/${EPOCH}/${at}.2.m4s HTTP/1.1\r\nHost: e\r\n\r\n`);
    await until(edge, /headwater_edge_waiting 3\n/);
    const stopped = edge[Symbol.asyncDispose]();
    kept.write(`GET ${ROOT}/v180/${EPOCH}/${at}.1.m4s HTTP/1.1\r\nHost: e\r\n\r\n`);
    origin.advance(PARTS - 2);
    const [segment, playlist] = await Promise.all([growing, blocked]);
    assert.ok(segment.complete && segment.body.equals(origin.bytesOf('v180', at)));
    assert.equal(playlist.status, 200);
    assert.match(await text(kept), /^HTTP\/1\.1 200 [^]*HTTP\/1\.1 \d+ [^]*Connection: close/);
    await stopped;
  });

  test('a part that dies is fetched again by itself while its segment is read', async () => {
    const at = FIRST_NUMBER + 1;
    origin.fail(new RegExp(`${at}\\.1$`), 'die-mid-body', 1);
    origin.fail(new RegExp(`${at}\\.3$`), 'error', 2);
    const growing = ask(edge, `${ROOT}/v180/${EPOCH}/${at}.m4s`);
    while (origin.waiting < 2) await new Promise((resolve) => setImmediate(resolve));
    origin.advance(PARTS - 2);
    const answer = await growing;
    assert.ok(answer.complete && answer.body.equals(origin.bytesOf('v180', at)));
    assert.equal(origin.fetched.get(`/cmaf/show/v180/${EPOCH}/${at}.1`), 2);
    assert.equal(origin.fetched.get(`/cmaf/show/v180/${EPOCH}/${at}.3`), 3);
    assert.equal(origin.fetched.get(`/cmaf/show/v180/${EPOCH}/${at}.2`), 1);
  });

  test('a sick origin never leaves a segment hanging, and is never told as 5xx', async () => {
    for (const fault of ['hang', 'error'] as const) {
      origin.fail(/a0.*895000000$/, fault, 100);
      const started = Date.now();
      const answer = await ask(edge, `${ROOT}/a0/${EPOCH}/${FIRST_NUMBER}.m4s`);
      assert.deepEqual([answer.status, answer.code, answer.headers['retry-after']], [429, 'media_unavailable', '1']);
      assert.ok(Date.now() - started < 4_000);
    }
  });

  test('an origin whose timeline is none is as good as gone', async () => {
    const beyondTime = JSON.stringify({
      full: true,
      timeline: {
        stream: 'show',
        revision: 1,
        state: 'live',
        segmentDurationMs: 2_000,
        partDurationMs: 400,
        partTargetMs: 400,
        anchorMs: 9e15,
        windowSegments: 4,
        epochs: [{ id: EPOCH, ordinal: 0, firstSegment: 1 }],
        tracks: [{ id: 'v180', kind: 'video', codec: 'avc1', bandwidth: 1, timescale: 90_000 }],
        windows: {
          v180: [{ number: 1, epoch: EPOCH, startTicks: 0, durationTicks: 1, bytes: 1, complete: true, parts: [] }],
        },
      },
    });
    const cases = [
      ['null', 502, 'upstream_failed'],
      ['{"full":true,"timeline":{}}', 502, 'upstream_failed'],
      ['[', 502, 'upstream_failed'],
      [beyondTime, 500, 'internal'],
    ] as const;
    for (const [timeline, status, code] of cases) {
      origin.strangeTimeline = timeline;
      await using fresh = await startRig(feedOf(origin.url), { limits: { deadlineMs: 700 } });
      for (const path of ['v180/classic.m3u8', 'v180/classic.m3u8']) {
        const answer = await ask(fresh, `${ROOT}/${path}`);
        assert.deepEqual([answer.status, answer.code], [status, code], timeline);
      }
      assert.equal((await ask(fresh, '/healthz')).status, 200);
    }
  });

  test('an origin that is gone: what is here is served, the rest is not waited for', async () => {
    assert.equal((await ask(edge, `${ROOT}/v180/media.m3u8`)).status, 200);
    assert.equal((await ask(edge, `${ROOT}/${SEGMENT}`)).status, 200);
    await origin[Symbol.asyncDispose]();
    assert.equal((await ask(edge, `${ROOT}/${SEGMENT}`)).status, 200);
    assert.equal((await ask(edge, `${ROOT}/v180/media.m3u8`)).status, 200);
    const cold = await ask(edge, `${ROOT}/a0/${EPOCH}/${FIRST_NUMBER}.m4s`);
    assert.deepEqual([cold.status, cold.code], [429, 'media_unavailable']);
    await using fresh = await startRig(feedOf('http://127.0.0.1:9'));
    const unknown = await ask(fresh, `${ROOT}/master.m3u8`);
    assert.deepEqual([unknown.status, unknown.code], [502, 'upstream_failed']);
    origin = await FakeOrigin.start(media);
  });
});

test('a reader that is slow is not taken for an idle one, however much is ready for it', async () => {
  const SIZE = 24 * 1024 * 1024;
  const { fills } = fillsOf({ objectLimitBytes: SIZE });
  const hand = byHand();
  const fill = fills.joinOrStart('k', hand.recipe)?.fill as Fill;
  const telling = { edgeId: 'e', cacheStatus: '', timing: '', freshness: 'max-age=1' };
  const { server } = createViewerServer({
    certificates: null,
    mayShakeHands: () => true,
    headerBytes: 4_096,
    connections: 10,
    connectionsPerAddress: { loopback: 0, elsewhere: 0 },
    idleMs: 200,
    onRequest: (request, response) => {
      const exchange = { request, response, isPrivate: false, isMedia: true, unsent: UNBOUND };
      void replyGrowing(exchange, fill, { mediaType: 'video/mp4', etag: '"k"', telling });
    },
    onConnectionRefused: () => undefined,
  });
  await using _closed = server;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const slow = connect((server.address() as AddressInfo).port, '127.0.0.1');
  slow.write('GET /k HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n');
  fill.append(Buffer.alloc(SIZE));
  hand.finish(fill);
  const startedMs = performance.now();
  let bytes = 0;
  for await (const piece of slow) {
    bytes += (piece as Buffer).length;
    // As on a line that is full: the kernel takes the next bytes only when these are gone.
    while (performance.now() - startedMs < (600 * bytes) / SIZE) await new Promise(setImmediate);
  }
  assert.ok(bytes >= SIZE, `${bytes} of ${SIZE}`);
});

test('a reader that does not read holds nobody back', async () => {
  const SIZE = 32 * 1024 * 1024;
  const { fills } = fillsOf({ objectLimitBytes: SIZE });
  const hand = byHand();
  const fill = fills.joinOrStart('k', hand.recipe)?.fill as Fill;
  const telling = { edgeId: 'e', cacheStatus: '', timing: '', freshness: 'max-age=1' };
  const server = createServer((request, response) => {
    const exchange = { request, response, isPrivate: false, isMedia: true, unsent: UNBOUND };
    void replyGrowing(exchange, fill, { mediaType: 'video/mp4', etag: '"k"', telling });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const stuck = connect(port, '127.0.0.1');
  stuck.pause();
  stuck.write('GET /k HTTP/1.1\r\nHost: e\r\n\r\n');
  await once(server, 'request');
  const quick = ask({ port }, '/k');
  await once(server, 'request');
  for (let sent = 0; sent < SIZE; sent += 64 * 1024) fill.append(Buffer.alloc(64 * 1024, sent / 65_536));
  hand.finish(fill);
  const answer = await quick;
  assert.ok(answer.complete);
  assert.equal(answer.body.length, SIZE);
  assert.ok(answer.body.equals(fill.body()));
  stuck.destroy();
  server.closeAllConnections();
  server.close();
});

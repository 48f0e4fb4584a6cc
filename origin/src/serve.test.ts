import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { type Socket, connect } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { parseTimelineChange } from '@headwater/protocol/parse-timeline';
import type { TimelineChange } from '@headwater/protocol/timeline';
import { ManualClock, systemClock } from '@headwater/service/clock';
import { Metrics } from '@headwater/service/metrics';
import { createEvents } from './events.ts';
import { type HttpServer, startHttpServer } from './http-server.ts';
import { LiveStream } from './live/stream.ts';
import { GRID, pushFrames, videoShape } from './live/test-samples.ts';
import { serve } from './serve.ts';

const FIRST = 900_000_000;
const WAITERS = 3;
const CONNECTIONS = 20;

let server: HttpServer;
let stream: LiveStream;
let ready = true;
let slowReaderMs = 10_000;
const slowReaders = { dropped: 0 };
const failures: unknown[] = [];

before(async () => {
  const metrics = new Metrics();
  const events = {
    ...createEvents(() => undefined, metrics),
    failed: (error: unknown) => void failures.push(error),
    slowReaderDropped: () => void (slowReaders.dropped += 1),
  };
  const limits = { maxConnections: CONNECTIONS, maxHeaderBytes: 2_048, slowReaderMs };
  server = await startHttpServer(0, limits, {
    handle: (request, response) =>
      serve(request, response, {
        streams: { get: (name) => (name === 'show' ? stream : undefined) },
        isKnown: (name) => name === 'known',
        isReady: () => ready,
        metrics: () => metrics.format(),
        events,
        slowReaderMs,
        clock: systemClock,
      }),
    onConnectionRefused: () => events.connectionRefused(),
  });
});
after(async () => {
  await server[Symbol.asyncDispose]();
  assert.deepEqual(failures, []);
});

beforeEach(() => {
  stream?.end();
  stream = new LiveStream({
    name: 'show',
    limits: { windowSegments: 6, windowBytes: 1e9, waiters: WAITERS },
    clock: new ManualClock(FIRST * 2_000),
    randomBytes: (count) => new Uint8Array(count),
  });
  stream.openEpoch({ ordinal: 0, firstSegment: FIRST, grid: GRID, tracks: [videoShape('v720')] });
});

const url = (path: string): string => `http://127.0.0.1:${server.port}${path}`;
const object = (name: string): string => url(`/cmaf/show/v720/${stream.epoch?.id}/${name}`);
const push = (place: Parameters<typeof pushFrames>[2]): void => pushFrames(stream, 'v720', place);
const bytesOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer());

async function codeOf(path: string, init?: RequestInit): Promise<string> {
  const response = await fetch(path, init);
  assert.equal(response.headers.get('content-type'), 'application/problem+json');
  const { status, code } = (await response.json()) as { status: number; code: string };
  assert.equal(status, response.status);
  return `${status} ${code}`;
}

/** Waits until so many requests wait at the stream. */
async function waiting(count: number): Promise<void> {
  while (stream.waiters.count < count) await new Promise((resolve) => setImmediate(resolve));
}

test('health, readiness and metrics', async () => {
  assert.equal((await fetch(url('/healthz'))).status, 200);
  assert.equal((await fetch(url('/readyz'))).status, 200);
  assert.match(await (await fetch(url('/metrics'))).text(), /headwater_origin_broadcasts_total 0/);
  ready = false;
  assert.equal(await codeOf(url('/readyz')), '503 not_ready');
  ready = true;
});

test('what is not there is told apart', async () => {
  push({ number: FIRST });
  assert.equal(await codeOf(url('/')), '404 not_found');
  assert.equal(await codeOf(url('/cmaf/nobody/timeline')), '404 stream_not_found');
  assert.equal(await codeOf(url('/cmaf/known/timeline')), '404 stream_offline');
  assert.equal(await codeOf(url('/cmaf/show/v1/abcdefgh/1')), '404 track_not_found');
  assert.equal(await codeOf(url('/cmaf/show/v720/abcdefgh/init')), '404 segment_not_found');
  assert.equal(await codeOf(url(`/cmaf/show/v720/abcdefgh/${FIRST + 1}`)), '404 segment_not_found');
  assert.equal(await codeOf(object(String(FIRST - 1))), '404 segment_not_found');
  assert.equal(await codeOf(object(`${FIRST}.6`)), '404 segment_not_found');
  assert.equal(await codeOf(object(`${FIRST + 3}.0`)), '404 segment_not_found');
  assert.equal(await codeOf(object('0001')), '404 not_found');
  assert.equal(await codeOf(url('/cmaf/show/timeline?since=x')), '400 bad_request');
  assert.equal(await codeOf(url('/cmaf/show/timeline?until=1')), '400 bad_request');
  assert.equal(await codeOf(url(`/${'x'.repeat(513)}`)), '414 uri_too_long');
  assert.equal(await codeOf(object('init'), { method: 'DELETE' }), '405 method_not_allowed');
  assert.equal(await codeOf(object('init'), { method: 'POST', body: 'x' }), '405 method_not_allowed');
});

test('objects carry what edges need, and never change', async () => {
  push({ number: FIRST });
  const part = await fetch(object(`${FIRST}.0`));
  assert.equal(part.status, 200);
  assert.equal(part.headers.get('headwater-part-duration'), '30000');
  assert.equal(part.headers.get('headwater-part-independent'), '1');
  assert.equal(part.headers.get('headwater-part-last'), '0');
  assert.equal(part.headers.get('headwater-segment-start'), String(FIRST * 180_000));
  assert.match(part.headers.get('cache-control') ?? '', /immutable/);
  const segment = await bytesOf(await fetch(object(String(FIRST))));
  const parts = await Promise.all(
    [0, 1, 2, 3, 4, 5].map(async (index) => bytesOf(await fetch(object(`${FIRST}.${index}`)))),
  );
  assert.deepEqual(segment, Buffer.concat(parts));
  const head = await fetch(object(String(FIRST)), { method: 'HEAD' });
  assert.equal(head.headers.get('content-length'), String(segment.length));
  assert.equal((await bytesOf(await fetch(object('init')))).subarray(4, 8).toString(), 'ftyp');
});

test('a rest of an object can be asked for', async () => {
  push({ number: FIRST });
  const whole = await bytesOf(await fetch(object(String(FIRST))));
  const from = 1_500;
  const rest = await fetch(object(String(FIRST)), { headers: { range: `bytes=${from}-` } });
  assert.equal(rest.status, 206);
  assert.equal(rest.headers.get('content-range'), `bytes ${from}-${whole.length - 1}/${whole.length}`);
  assert.deepEqual(await bytesOf(rest), whole.subarray(from));
  const past = await fetch(object(String(FIRST)), { headers: { range: `bytes=${whole.length}-` } });
  assert.equal(past.status, 416);
  assert.equal(past.headers.get('content-range'), `bytes */${whole.length}`);
});

test('a request for the next part waits for it', async () => {
  push({ number: FIRST, count: 10 });
  const next = fetch(object(`${FIRST}.1`));
  await waiting(1);
  push({ number: FIRST, from: 10, count: 10 });
  assert.equal((await next).status, 200);
});

test('a request that nothing ends is answered at its deadline', async (context) => {
  push({ number: FIRST, count: 10 });
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const now = context.mock.method(systemClock, 'monotonicMs', () => 0);
  const part = httpGet(object(`${FIRST + 1}.0`));
  const timeline = httpGet(url(`/cmaf/show/timeline?since=${stream.revision}`));
  await waiting(2);
  now.mock.mockImplementation(() => 5_001);
  context.mock.timers.tick(5_001);
  const late = await part;
  assert.deepEqual([late.status, (JSON.parse(late.body) as { code: string }).code], [404, 'too_early']);
  const { full, timeline: same } = JSON.parse((await timeline).body) as TimelineChange;
  assert.deepEqual([full, same.revision, same.windows], [false, stream.revision, { v720: [] }]);
});

test('one waiter more than the limit is told at once', async () => {
  push({ number: FIRST, count: 10 });
  const waits = Array.from({ length: WAITERS }, () => fetch(object(`${FIRST}.1`)));
  await waiting(WAITERS);
  assert.equal(await codeOf(object(`${FIRST}.1`)), '503 too_many_waiters');
  push({ number: FIRST, from: 10, count: 10 });
  for (const answer of await Promise.all(waits)) assert.equal(answer.status, 200);
});

test('a waiter that goes away is forgotten', async () => {
  push({ number: FIRST, count: 10 });
  const leaving = new AbortController();
  const left = fetch(object(`${FIRST}.1`), { signal: leaving.signal });
  await waiting(1);
  leaving.abort();
  await assert.rejects(left);
  while (stream.waiters.count > 0) await new Promise((resolve) => setImmediate(resolve));
});

test('the timeline waits for the first part of every track, then for what is newer', async () => {
  const first = fetch(url('/cmaf/show/timeline'));
  await waiting(1);
  push({ number: FIRST, count: 10 });
  const change = parseTimelineChange(await (await first).json());
  assert.ok(change !== null, 'it reads as an edge reads it');
  const { full, timeline } = change;
  assert.deepEqual([full, timeline.windows['v720']?.[0]?.parts.length], [true, 1]);
  const next = fetch(url(`/cmaf/show/timeline?since=${timeline.revision}`));
  await waiting(1);
  push({ number: FIRST, from: 10, count: 10 });
  const answer = await next;
  assert.equal(answer.headers.get('headwater-revision'), String(stream.revision));
  assert.equal(((await answer.json()) as TimelineChange).full, false);
});

test('a growing segment comes as it grows, and ends with its last part', async () => {
  push({ number: FIRST, count: 10 });
  const response = await fetch(object(String(FIRST)));
  assert.equal(response.headers.get('content-length'), null);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const first = await reader.read();
  assert.ok(first.value);
  push({ number: FIRST, from: 10, count: 50 });
  const pieces = [first.value];
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) pieces.push(piece.value);
  assert.deepEqual(Buffer.concat(pieces), await bytesOf(await fetch(object(String(FIRST)))));
});

test('a growing segment that breaks off is cut, never ended short', async (context) => {
  push({ number: FIRST, count: 10 });
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const now = context.mock.method(systemClock, 'monotonicMs', () => 0);
  const cut = httpGet(object(String(FIRST)));
  await waiting(1);
  now.mock.mockImplementation(() => 5_001);
  context.mock.timers.tick(5_001);
  await assert.rejects(cut, /aborted|ECONNRESET/);
});

test('the end of a stream lets every waiter go', async () => {
  push({ number: FIRST, count: 10 });
  const waits = [
    fetch(object(`${FIRST}.1`)),
    fetch(object(`${FIRST + 1}`)),
    fetch(url(`/cmaf/show/timeline?since=${stream.revision}`)),
  ];
  await waiting(3);
  stream.end();
  assert.deepEqual(
    (await Promise.all(waits)).map(({ status }) => status),
    [404, 404, 200],
  );
});

test('a reader that does not read is dropped, and holds nobody up', async () => {
  slowReaderMs = 300;
  push({ number: FIRST, count: 59, bytes: 1_000_000 });
  const { pathname } = new URL(object(String(FIRST)));
  const slow = connect(server.port, '127.0.0.1');
  slow.on('error', () => undefined).write(`GET ${pathname} HTTP/1.1\r\nhost: x\r\n\r\n`);
  slow.pause();
  const closed = new Promise((resolve) => slow.once('close', resolve));
  const other = await bytesOf(await fetch(object(`${FIRST}.0`)));
  assert.ok(other.length > 10_000_000);
  slow.resume();
  await new Promise((resolve) => setTimeout(resolve, 10));
  slow.pause();
  while (slowReaders.dropped === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  slow.resume();
  await closed;
  slowReaderMs = 10_000;
});

test('heads that are no HTTP, or too long, are answered and cut', async () => {
  for (const [head, status] of [
    ['nonsense\r\n\r\n', 400],
    [`GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(3_000)}\r\n\r\n`, 431],
  ] as const) {
    const socket = connect(server.port, '127.0.0.1');
    socket.end(head);
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    assert.ok(text.startsWith(`HTTP/1.1 ${status} `), text);
  }
});

/** fetch has timers of its own, which a test that holds the timers must do without. */
function httpGet(address: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(address, { agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('error', reject).on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    request.on('error', reject).end();
  });
}

test('one connection more than the limit is closed and counted, the others stay', async () => {
  // What earlier tests left open counts, too.
  const held: Socket[] = [];
  let refused = 0;
  while (refused === 0) {
    assert.ok(held.length <= CONNECTIONS, 'more connections than the limit');
    const socket = connect(server.port, '127.0.0.1').on('error', () => undefined);
    socket.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n');
    const answer = await Promise.race([once(socket, 'data'), once(socket, 'close').then(() => null)]);
    if (answer === null) refused += 1;
    else held.push(socket);
  }
  assert.ok(held.length > 0);
  for (const socket of held) assert.equal(socket.closed, false);
  held[0]?.destroy();
  await once(held[0] as Socket, 'close');
  const text = await (await fetch(url('/metrics'))).text();
  assert.match(text, /^headwater_origin_connections_refused_total 1$/m);
  for (const socket of held) socket.destroy();
});

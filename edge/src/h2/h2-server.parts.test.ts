import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectH2 } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { seeded } from '@headwater/protocol/test-random';
import { type Certificates, openCertificates } from '../certificates.ts';
import { type ViewerServer, createViewerServer } from '../http-server.ts';
import { TlsFolder, askOn } from '../secure-rig.ts';
import type { ViewerRequest, ViewerResponse } from '../viewer-exchange.ts';
import { CUT_BURST, STREAM_LIMIT } from './h2-session.ts';
import * as raw from './raw-h2.ts';
import { FRAME, RawH2 } from './raw-h2.ts';

const IDLE_MS = 2_000;
const HEADER_BYTES = 8_192;
const BIG = Buffer.alloc(8 * 1024 * 1024, 'x');
const ENHANCE_YOUR_CALM = 0xb;

type Handler = (request: ViewerRequest, response: ViewerResponse) => void | Promise<void>;

let folder: TlsFolder;
let certificates: Certificates;
let viewers: ViewerServer;
let port: number;
let handle: Handler;
/** answers that are not over */
const open = new Set<ViewerResponse>();
let requests = 0;

before(async () => {
  folder = await TlsFolder.make();
  const nothing = (): void => undefined;
  certificates = await openCertificates({
    files: [await folder.add('edge.example')],
    onReloaded: nothing,
    onRejected: nothing,
  });
  viewers = createViewerServer({
    headerBytes: HEADER_BYTES,
    connections: 100,
    connectionsPerAddress: { loopback: 0, elsewhere: 0 },
    idleMs: IDLE_MS,
    mayShakeHands: () => true,
    certificates,
    onRequest(request, response) {
      requests += 1;
      open.add(response);
      response.once('close', () => open.delete(response));
      void handle(request, response);
    },
    onConnectionRefused: nothing,
  });
  viewers.server.listen(0, '127.0.0.1');
  await once(viewers.server, 'listening');
  port = (viewers.server.address() as AddressInfo).port;
});
after(async () => {
  await viewers.close(0);
  certificates[Symbol.dispose]();
  await folder[Symbol.asyncDispose]();
});
beforeEach(() => {
  requests = 0;
  handle = answerHello;
});

function answerHello(_request: ViewerRequest, response: ViewerResponse): void {
  response.writeHead(200, ['Content-Length', '5']);
  response.end('hello');
}

function answerBig(_request: ViewerRequest, response: ViewerResponse): void {
  response.writeHead(200, ['Content-Length', String(BIG.length)]);
  response.end(BIG);
}

/** Never answers. */
function keepSilent(): void {
  return undefined;
}

for (const seed of [11, 12, 13, 14, 15])
  test(`an answer that is cut is reset, and never ends (seed ${seed})`, async () => {
    const random = seeded(seed);
    using client = await RawH2.open(port, raw.setting(raw.INITIAL_WINDOW, 2 ** 31 - 1));
    client.send(raw.frame(FRAME.windowUpdate, 0, 0, raw.uint32(2 ** 30)));
    for (let round = 0; round < 90; round += 1) {
      const stream = 2 * round + 1;
      const afterTurns = Math.floor(random() * 6);
      const pieces = Math.floor(random() * 4);
      handle = (_request, response) => {
        response.writeHead(200, random() < 0.5 ? ['Content-Length', '1000000'] : []);
        for (let piece = 0; piece < pieces; piece += 1)
          response.write(BIG.subarray(0, 1 + Math.floor(random() * 99_999)));
        const cut = (turns: number): void => {
          if (turns === 0) response.destroy();
          else setImmediate(() => cut(turns - 1));
        };
        cut(afterTurns);
      };
      client.ask(stream, raw.get('/'));
      await client.until('the stream is reset', () => client.of(FRAME.reset, stream).length > 0);
      const [reset] = client.of(FRAME.reset, stream);
      assert.notEqual(reset?.payload.readUInt32BE(), 0, 'not as if it were over');
      for (const type of [FRAME.headers, FRAME.data]) {
        const ends = client.of(type, stream).filter(({ flags }) => (flags & raw.END_STREAM) !== 0);
        assert.deepEqual(ends, [], `round ${round}`);
      }
    }
  });

test('a whole body ends its stream with its last byte', async () => {
  handle = answerBig;
  using client = await RawH2.open(port, raw.setting(raw.INITIAL_WINDOW, 2 ** 31 - 1));
  client.send(raw.frame(FRAME.windowUpdate, 0, 0, raw.uint32(2 ** 30)));
  client.ask(1, raw.get('/'));
  const ended = (): boolean => client.of(FRAME.data, 1).some(({ flags }) => (flags & raw.END_STREAM) !== 0);
  await client.until('the end', ended);
  const body = Buffer.concat(client.of(FRAME.data, 1).map(({ payload }) => payload));
  assert.ok(body.equals(BIG));
});

test('an answer that is under way when its connection is ended never ends', async () => {
  handle = (request, response) => {
    response.writeHead(200, []);
    response.write(BIG.subarray(0, request.url === '/whole' ? 100 : 30_000));
    if (request.url === '/whole') response.end();
  };
  using client = await RawH2.open(port);
  client.ask(1, raw.get('/'));
  client.ask(3, raw.get('/whole'));
  await client.until('the whole one', () => client.of(FRAME.data, 3).length > 0);
  // An error of the connection (RFC 9113 §6.9).
  client.send(raw.frame(FRAME.windowUpdate, 0, 0, raw.uint32(0)));
  assert.notEqual(await client.closed(), 0);
  const ended = client.of(FRAME.data).filter(({ flags }) => (flags & raw.END_STREAM) !== 0);
  assert.deepEqual(
    ended.map(({ stream }) => stream),
    [3],
  );
});

test('trailers and interim answers go out, and fields of the connection do not', async () => {
  handle = (_request, response) => {
    response.writeInformation(103, ['Link', '</a>', 'Link', '</b>']);
    response.writeHead(200, ['Connection', 'close', 'Keep-Alive', 'x', 'Set-Cookie', 'a', 'Set-Cookie', 'b']);
    response.write(Buffer.from('body'));
    response.addTrailers([['X-Sum', '1']]);
    response.end();
  };
  const session = connectH2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  const came = await askOn(session, { path: '/' });
  assert.deepEqual(came, {
    status: 200,
    fields: ['set-cookie: a', 'set-cookie: b'],
    body: Buffer.from('body'),
    complete: true,
    interim: [103],
    trailers: ['x-sum: 1'],
  });
  session.destroy();
});

test('a request reads as it does in HTTP/1.1', async () => {
  const seen: unknown[] = [];
  handle = (request, response) => {
    const { method, url, headers, rawHeaders, httpVersion } = request;
    seen.push({ method, url, headers: { ...headers }, rawHeaders, httpVersion, from: request.socket.remoteAddress });
    response.end();
  };
  using client = await RawH2.open(port);
  client.ask(1, raw.get('/a?b', ['cookie', 'a=1'], ['cookie', 'b=2'], ['x-y', '1'], ['x-y', '2']));
  await client.until('the answer', () => client.of(FRAME.headers, 1).length > 0);
  assert.deepEqual(seen, [
    {
      method: 'GET',
      url: '/a?b',
      httpVersion: '2.0',
      from: '127.0.0.1',
      headers: { host: 'edge.example', cookie: 'a=1; b=2', 'x-y': '1, 2' },
      // What goes on in HTTP/1.1 has one field of cookies (RFC 9113 §8.2.3).
      rawHeaders: ['host', 'edge.example', 'cookie', 'a=1; b=2', 'x-y', '1', 'x-y', '2'],
    },
  ]);
});

test('a field of characters that no field has reaches nobody, and what is left is read', async () => {
  const seen: unknown[] = [];
  handle = (request, response) => {
    seen.push(request.rawHeaders);
    response.end();
  };
  using client = await RawH2.open(port);
  const malformed = [
    ['x-a', 'a\r\nx-b: c'],
    ['x-a', 'a\nb'],
    ['x-a', 'a\rb'],
    ['x-a', 'a\u0000b'],
    ['x-a', 'a\u0001b'],
    ['x-a', ' a'],
    ['x-a', 'a\t'],
    ['x-a\r\nx-b', 'a'],
    ['x-a: b', 'a'],
    ['x a', 'a'],
    ['x\u00e9', 'a'],
    ['', 'a'],
    ['host', 'a/b'],
  ] as const;
  client.ask(1, raw.get('/', ...malformed, ['x-good', 'a']));
  await client.until('the answer', () => client.of(FRAME.headers, 1).length > 0);
  assert.deepEqual(seen, [['host', 'edge.example', 'x-good', 'a']]);
});

test('who does not read holds a piece of each answer, not the whole of it', async () => {
  handle = answerBig;
  // Windows as wide as can be: only the line holds this reader back.
  using client = await RawH2.open(port, raw.setting(raw.INITIAL_WINDOW, 2 ** 31 - 1));
  client.socket.pause();
  client.send(raw.frame(FRAME.windowUpdate, 0, 0, raw.uint32(2 ** 30)));
  const before_ = process.memoryUsage().rss;
  const streams = 50;
  for (let at = 0; at < streams; at += 1) client.ask(2 * at + 1, raw.get('/'));
  // Until they wait, and for a while of turns of everything else.
  for (let turn = 0; turn < 200; turn += open.size < streams ? 0 : 1) await new Promise(setImmediate);
  const unsent = [...open].reduce((sum, response) => sum + response.writableLength, 0);
  assert.ok(unsent > (streams - 5) * BIG.length * 0.9, `${unsent} bytes wait, and are told to wait`);
  const grownBytes = process.memoryUsage().rss - before_;
  assert.ok(grownBytes < 32 * 1024 * 1024, `${grownBytes} bytes more memory`);
  client.socket.destroy();
  while (open.size > 0) await new Promise(setImmediate);
});

test('a stream that nobody reads holds no other one back', async () => {
  handle = (request, response) => (request.url === '/big' ? answerBig : answerHello)(request, response);
  using client = await RawH2.open(port, raw.setting(raw.INITIAL_WINDOW, 0));
  for (let at = 0; at < 40; at += 1) client.ask(2 * at + 1, raw.get('/big'));
  client.ask(101, raw.get('/'));
  client.send(raw.frame(FRAME.windowUpdate, 0, 101, raw.uint32(100)));
  await client.until('the other answer', () => client.of(FRAME.data, 101).length > 0);
  assert.equal(client.of(FRAME.data, 101)[0]?.payload.toString(), 'hello');
});

test(`of more than ${STREAM_LIMIT} streams at once the last is refused, and the others go on`, async () => {
  handle = keepSilent;
  using client = await RawH2.open(port);
  for (let at = 0; at <= STREAM_LIMIT; at += 1) client.ask(2 * at + 1, raw.get('/'));
  const last = 2 * STREAM_LIMIT + 1;
  await client.until('the last is refused', () => client.of(FRAME.reset, last).length > 0);
  assert.equal(client.of(FRAME.reset).length, 1);
  assert.equal(requests, STREAM_LIMIT);
});

test('a connection whose streams are reset over and over is closed', async () => {
  handle = keepSilent;
  using client = await RawH2.open(port);
  const cancel = raw.uint32(8);
  const reset = (count: number, from: number): void => {
    for (let at = from; at < from + count; at += 1) {
      const stream = 2 * at + 1;
      client.send(
        raw.frame(FRAME.headers, raw.END_HEADERS | raw.END_STREAM, stream, raw.get('/')),
        raw.frame(FRAME.reset, 0, stream, cancel),
      );
    }
  };
  reset(CUT_BURST, 0);
  client.send(raw.frame(FRAME.ping, 0, 0, Buffer.alloc(8)));
  await client.until('a ping is answered', () => client.of(FRAME.ping).length > 0);
  assert.equal(client.isClosed, false, 'at the limit it is open');
  reset(CUT_BURST, CUT_BURST);
  assert.equal(await client.closed(), ENHANCE_YOUR_CALM);
  assert.ok(requests <= 2 * CUT_BURST, `${requests} requests reached the edge`);
});

test('a connection that makes us reset its streams is closed as well', async () => {
  handle = keepSilent;
  using client = await RawH2.open(port);
  // A window update of nothing is an error of its stream (RFC 9113 §6.9).
  for (let at = 0; at < 3 * CUT_BURST; at += 1) {
    const stream = 2 * at + 1;
    client.ask(stream, raw.get('/'));
    client.send(raw.frame(FRAME.windowUpdate, 0, stream, raw.uint32(0)));
  }
  assert.notEqual(await client.closed(), 0);
  assert.ok(requests <= 2 * CUT_BURST, `${requests} requests reached the edge`);
});

const FLOODS: readonly (readonly [string, Buffer])[] = [
  ['pings', raw.frame(FRAME.ping, 0, 0, Buffer.alloc(8))],
  ['answers to pings that nobody sent', raw.frame(FRAME.ping, raw.ACK, 0, Buffer.alloc(8))],
  ['settings', raw.frame(FRAME.settings, 0, 0, raw.setting(raw.INITIAL_WINDOW, 65_535))],
  [
    'settings of many values',
    raw.frame(FRAME.settings, 0, 0, Buffer.alloc(12_000, raw.setting(raw.INITIAL_WINDOW, 9))),
  ],
  ['window updates', raw.frame(FRAME.windowUpdate, 0, 0, raw.uint32(1))],
  ['priorities', raw.frame(FRAME.priority, 0, 99, Buffer.alloc(5, 1))],
  ['frames of unknown kinds', raw.frame(0xbe, 0, 0, Buffer.alloc(100))],
  ['requests on a stream that is over', raw.frame(FRAME.headers, raw.END_HEADERS | raw.END_STREAM, 1, raw.get('/'))],
  ['nothing on a stream that is over', raw.frame(FRAME.data, 0, 1)],
  ['resets of a stream that is over', raw.frame(FRAME.reset, 0, 1, raw.uint32(8))],
  ['window updates of a stream that is over', raw.frame(FRAME.windowUpdate, 0, 1, raw.uint32(1))],
];
for (const [what, one] of FLOODS) {
  test(`a flood of ${what} is cut off`, async () => {
    using client = await RawH2.open(port);
    client.ask(1, raw.get('/'));
    await client.until('an answer', () => client.of(FRAME.data, 1).length > 0);
    const many = Buffer.concat(Array.from({ length: Math.ceil(4_096 / one.length) }, () => one));
    while (!client.isClosed) {
      client.send(many);
      // As fast as it can without filling this process's own memory.
      await new Promise(setImmediate);
      if (client.socket.writableLength > 1024 * 1024)
        await Promise.race([once(client.socket, 'drain'), client.closed()]);
    }
  });
}

test('a few frames that belong to no request are no flood', async () => {
  using client = await RawH2.open(port);
  for (let at = 0; at < 1_000; at += 1) client.send(raw.frame(FRAME.windowUpdate, 0, 0, raw.uint32(1)));
  client.ask(1, raw.get('/'));
  await client.until('the answer', () => client.of(FRAME.data, 1).length > 0);
});

test('a body in frames of a byte, or of none, is cut off', async () => {
  for (const payload of [Buffer.alloc(1), Buffer.alloc(0)]) {
    handle = async (request) => {
      try {
        for await (const _chunk of request) continue;
      } catch {
        // Cut.
      }
    };
    using client = await RawH2.open(port);
    client.send(raw.frame(FRAME.headers, raw.END_HEADERS, 1, raw.get('/')));
    const one = raw.frame(FRAME.data, 0, 1, payload);
    const many = Buffer.concat(Array.from({ length: 500 }, () => one));
    while (!client.isClosed) {
      client.send(many);
      client.send(raw.frame(FRAME.ping, 0, 0, Buffer.alloc(8)));
      await new Promise(setImmediate);
      if (client.socket.writableLength > 1024 * 1024)
        await Promise.race([once(client.socket, 'drain'), client.closed()]);
    }
    assert.equal(requests > 0, true);
  }
});

for (const piece of [raw.block([['x-filler', 'y'.repeat(1_000)]]), Buffer.alloc(0)])
  test(`fields without an end, ${piece.length} bytes a frame, are cut off`, async () => {
    using client = await RawH2.open(port);
    client.send(raw.frame(FRAME.headers, raw.END_STREAM, 1, raw.get('/')));
    for (let at = 0; at < 1_000 && !client.isClosed; at += 1) {
      client.send(raw.frame(FRAME.continuation, 0, 1, piece));
      await new Promise(setImmediate);
    }
    await client.closed();
    assert.equal(requests, 0);
  });

test('fields beyond the limit reach nobody, however small they come', async () => {
  using client = await RawH2.open(port);
  // One long field goes into the table (RFC 7541 §6.2.1), and is then named by a byte each time.
  const name = Buffer.from('x-bomb');
  const long = Buffer.concat([Buffer.of(0x40, name.length), name, raw.block([['', 'z'.repeat(3_900)]]).subarray(2)]);
  const again = Buffer.alloc(8_000, 0x80 | 62);
  client.send(
    raw.frame(FRAME.headers, raw.END_HEADERS | raw.END_STREAM, 1, Buffer.concat([raw.get('/'), long, again])),
  );
  await client.until('it is refused', () => client.of(FRAME.reset, 1).length > 0 || client.of(FRAME.goaway).length > 0);
  assert.equal(requests, 0);
  using other = await RawH2.open(port);
  const many = Array.from({ length: 101 }, (_, at) => [`x-${at}`, ''] as const);
  other.ask(1, raw.get('/', ...many));
  await other.until('too many fields', () => other.of(FRAME.reset, 1).length > 0 || other.of(FRAME.goaway).length > 0);
  assert.equal(requests, 0);
});

test('a connection without streams is closed, however many pings it sends', async () => {
  using client = await RawH2.open(port);
  const pinger = setInterval(() => client.send(raw.frame(FRAME.ping, 0, 0, Buffer.alloc(8))), 100);
  const startedMs = performance.now();
  assert.equal(await client.closed(), 0);
  clearInterval(pinger);
  assert.ok(performance.now() - startedMs > IDLE_MS - 1_000);
});

test('streams that nobody reads, or a byte at a time, are over in time', async () => {
  handle = answerBig;
  for (const byte of [raw.uint32(8), raw.uint32(1)]) {
    using client = await RawH2.open(port, raw.setting(raw.INITIAL_WINDOW, 0));
    for (let at = 0; at < 10; at += 1) client.ask(2 * at + 1, raw.get('/'));
    const trickle = setInterval(() => client.send(raw.frame(FRAME.windowUpdate, 0, 1, byte)), 100);
    await client.closed();
    clearInterval(trickle);
    while (open.size > 0) await new Promise(setImmediate);
  }
});

test('an answer that says the connection is to end lets the others end', async () => {
  let second: ViewerResponse | undefined;
  handle = (request, response) => {
    if (request.url === '/later') second = response;
    else {
      response.shouldKeepAlive = false;
      answerHello(request, response);
    }
  };
  using client = await RawH2.open(port);
  client.ask(1, raw.get('/later'));
  client.ask(3, raw.get('/'));
  await client.until('it is told', () => client.of(FRAME.goaway).length > 0);
  assert.ok(second !== undefined);
  answerHello({} as ViewerRequest, second);
  assert.equal(await client.closed(), 0);
  assert.equal(client.of(FRAME.data, 1)[0]?.payload.toString(), 'hello');
});

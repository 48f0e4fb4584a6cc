import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { after, before, suite, test } from 'node:test';
import { ask, feedOf, startRig } from './edge-rig.ts';
import * as raw from './h2/raw-h2.ts';
import { FRAME, RawH2 } from './h2/raw-h2.ts';
import { TlsFolder, askBy } from './secure-rig.ts';
import type { RunningEdge } from './start-edge.ts';
import { type ZoneRig, startZoneRig } from './zone/zone-rig.ts';

/** A head's 10 s, a body's 10 slow looks, and what a busy machine adds. */
const AT_THE_LATEST_MS = 16_000;

/** Writes a byte of something without an end from time to time, until the connection is over. */
async function trickle(socket: Socket, begin: string, byte: string): Promise<string> {
  const all = text(socket).catch(() => '');
  socket.write(begin);
  const timer = setInterval(() => socket.write(byte), 200);
  const startedMs = performance.now();
  const answer = await all;
  clearInterval(timer);
  const tookMs = performance.now() - startedMs;
  assert.ok(tookMs < AT_THE_LATEST_MS, `${tookMs} ms`);
  return answer;
}

suite('what is too slow is over in time', { concurrency: true }, () => {
  let folder: TlsFolder;
  let plain: RunningEdge;
  let secure: RunningEdge;
  let rig: ZoneRig;

  before(async () => {
    folder = await TlsFolder.make();
    const feed = feedOf('http://127.0.0.1:1');
    plain = await startRig(feed, { limits: { idleMs: 3_000 } });
    secure = await startRig(feed, { tlsFiles: [await folder.add('edge.example')], limits: { idleMs: 3_000 } });
    rig = await startZoneRig((request, response) => {
      request.on('error', () => undefined);
      request.resume().once('end', () => response.end('ok'));
    });
  });
  after(async () => {
    await plain[Symbol.asyncDispose]();
    await secure[Symbol.asyncDispose]();
    await rig[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  const toPlain = (): Socket => connect(plain.port, '127.0.0.1');
  const toSecure = (): Socket => connectTls({ port: secure.port, host: '127.0.0.1', rejectUnauthorized: false });

  test('a head that never ends', async () => {
    assert.match(await trickle(toPlain(), 'GET / HTTP/1.1\r\nX: ', 'y'), /^HTTP\/1\.1 408 /);
    assert.match(await trickle(toSecure(), 'GET / HTTP/1.1\r\nX: ', 'y'), /^HTTP\/1\.1 408 /);
  });

  test('a request line that never ends', async () => {
    assert.match(await trickle(toPlain(), 'GET /', 'y'), /^HTTP\/1\.1 408 /);
  });

  test('nothing', async () => {
    await once(toPlain().resume(), 'close');
    await once(toSecure().resume(), 'close');
  });

  test('a handshake that never ends', async () => {
    const startedMs = performance.now();
    for (const begin of [Buffer.alloc(0), Buffer.from([22, 3, 1, 2, 0])]) {
      const socket = connect(secure.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(begin);
      await once(socket.resume(), 'close');
    }
    assert.ok(performance.now() - startedMs < 2 * AT_THE_LATEST_MS);
  });

  test('half of a handshake, byte by byte', async () => {
    // The head of a record of 512 bytes.
    const record = String.fromCharCode(22, 3, 1, 2, 0);
    assert.equal(await trickle(connect(secure.port, '127.0.0.1'), record, '1'), '');
  });

  test('a preface of HTTP/2 and nothing after it, or fields without an end', async () => {
    for (const begun of [Buffer.alloc(0), raw.frame(FRAME.headers, 0, 1, raw.get('/'))]) {
      using client = await RawH2.open(secure.port);
      client.send(begun);
      const pings = setInterval(() => client.send(begun.length > 0 ? Buffer.alloc(0) : ping), 200);
      await client.closed();
      clearInterval(pings);
    }
  });
  const ping = raw.frame(FRAME.ping, 0, 0, Buffer.alloc(8));

  test('a body of a length that comes byte by byte', async () => {
    const socket = connect(rig.edge.port, '127.0.0.1');
    const begin = 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n';
    assert.match(await trickle(socket, begin, 'y'), /^HTTP\/1\.1 408 /);
  });

  test('a body of chunks that comes byte by byte', async () => {
    const socket = connect(rig.edge.port, '127.0.0.1');
    const begin = 'POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
    assert.match(await trickle(socket, begin, '1\r\ny\r\n'), /^HTTP\/1\.1 408 /);
  });

  test('half of a request and the end of the connection', async () => {
    const startedMs = performance.now();
    for (const half of ['GET / HTTP/1.1\r\n', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf', '']) {
      const socket = connect({ port: rig.edge.port, host: '127.0.0.1', allowHalfOpen: true });
      socket.on('error', () => undefined);
      socket.end(half);
      await once(socket.resume(), 'close');
    }
    assert.ok(performance.now() - startedMs < 5_000);
  });

  test('a body that takes its time and keeps moving is taken whole', async () => {
    const body = Buffer.alloc(60_000, 'y');
    const socket = connect(rig.edge.port, '127.0.0.1');
    socket.write('POST /c HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 60000\r\n\r\n');
    let at = 0;
    const timer = setInterval(
      () => socket.write(body.subarray(at, (at += 1_000))) && at >= 60_000 && clearInterval(timer),
      200,
    );
    assert.match(await text(socket), /^HTTP\/1\.1 200 /);
    clearInterval(timer);
  });
});

test('the slow connections of one address are refused beyond its cap, and harm nobody else', async () => {
  await using folder = await TlsFolder.make();
  const tlsFiles = [await folder.add('edge.example')];
  const feed = feedOf('http://127.0.0.1:1');
  const limits = { connections: 40, connectionsPerAddress: { loopback: 20, elsewhere: 20 } };
  for (const edge of [await startRig(feed, { limits }), await startRig(feed, { limits, tlsFiles })]) {
    const slow: Socket[] = [];
    for (let at = 0; at < 200; at += 1) {
      const socket = connect({ port: edge.port, host: '127.0.0.1', localAddress: '127.0.0.2' });
      socket.on('error', () => undefined);
      socket.resume().write('G');
      slow.push(socket);
    }
    while (slow.filter(({ closed }) => closed).length < 180) await new Promise(setImmediate);
    assert.equal(
      (await askBy(edge.url.startsWith('https') ? 'h2' : 'http/1.1', edge.port, { path: '/healthz' })).status,
      200,
    );
    const { text: metrics } = await ask({ port: edge.adminPort }, '/metrics');
    assert.match(metrics, /headwater_edge_connections 2[01]\n/);
    assert.match(metrics, /headwater_edge_connections_refused_total 180\n/);
    for (const socket of slow) socket.destroy();
    await edge[Symbol.asyncDispose]();
  }
});

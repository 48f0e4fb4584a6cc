import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, mkdtempDisposable, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { type Socket, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import type { FeedMessage } from '@headwater/protocol/feed';
import { FeedState } from '@headwater/protocol/feed-state';
import type { NodeRecord } from '@headwater/protocol/node';
import { mintSessionToken } from '@headwater/protocol/session-token';
import { PIPELINE_LIMIT } from '@headwater/service/pipeline-cap';
import { testRecord } from '@headwater/protocol/test-node';
import { readConfig } from './config.ts';
import { type Geo, startGeo } from './start-geo.ts';

const EDGES: readonly NodeRecord[] = [
  testRecord({ id: 'edge-1', url: 'http://127.0.0.1:1', healthy: false }),
  testRecord({ id: 'edge-2', url: 'http://127.0.0.1:2' }),
];

let directory = '';
let geo: Geo;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'headwater-geo-'));
  const state = new FeedState();
  const news = { name: 'news', policy: 'public', keyHash: 'x', origin: 'origin-1', ladder: null } as const;
  const nodes = EDGES.map((node) => ({ type: 'node', node }) as const);
  state.apply({ cursor: '1', snapshot: true, messages: [{ type: 'stream', stream: news }, ...nodes] });
  const config = readConfig({
    HEADWATER_GEO_PORT: '0',
    HEADWATER_DATA_DIR: directory,
    HEADWATER_CONTROL_URL: 'http://127.0.0.1:9',
  });
  geo = await startGeo(config, { state, log: () => {} });
});

after(async () => {
  await geo[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

function ask(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${geo.url}${path}`, { redirect: 'manual', ...init });
}

test('sends a viewer to the healthy edge, for players on any site', async () => {
  for (const method of ['GET', 'HEAD']) {
    const answer = await ask('/live/news/master.m3u8', { method, headers: { origin: 'http://elsewhere' } });
    assert.equal(answer.status, 307);
    assert.equal(answer.headers.get('location'), 'http://127.0.0.1:2/live/news/master.m3u8');
    assert.equal(answer.headers.get('cache-control'), 'private, no-store');
    assert.equal(answer.headers.get('access-control-allow-origin'), '*');
  }
});

test('lists the edges with its reasons to who asks for JSON', async () => {
  const answer = await ask('/live/news/manifest.mpd', { headers: { accept: 'application/json' } });
  assert.equal(answer.status, 200);
  const body = (await answer.json()) as { edges: { id: string; url: string; reasons: string[] }[] };
  assert.deepEqual(
    body.edges.map(({ id, url, reasons }) => [id, url, reasons[0]]),
    [
      ['edge-2', 'http://127.0.0.1:2/live/news/manifest.mpd', 'healthy'],
      ['edge-1', 'http://127.0.0.1:1/live/news/manifest.mpd', 'does not answer: used only when nothing else is there'],
    ],
  );
});

test('answers errors as problems', async () => {
  const cases = [
    ['/live/show/master.m3u8', 'GET', 403, 'session_missing'],
    ['/nowhere', 'GET', 404, 'not_found'],
    ['/watch/%2e', 'GET', 404, 'not_found'],
    ['/players/0000/presets.ts', 'GET', 404, 'not_found'],
    ['/live/news/master.m3u8', 'POST', 405, 'method_not_allowed'],
    ['/live/news/master.m3u8?'.padEnd(8_192, 'x'), 'GET', 307, undefined],
    ['/live/news/master.m3u8?'.padEnd(8_193, 'x'), 'GET', 414, 'uri_too_long'],
  ] as const;
  for (const [path, method, status, code] of cases) {
    const answer = await ask(path, { method });
    assert.equal(answer.status, status, path.slice(0, 40));
    if (code === undefined) continue;
    assert.equal(answer.headers.get('content-type'), 'application/problem+json');
    assert.equal(((await answer.json()) as { code: string }).code, code);
  }
});

test('a preflight is answered', async () => {
  const headers = { origin: 'http://elsewhere', 'access-control-request-headers': 'authorization' };
  const answer = await ask('/live/news/master.m3u8', { method: 'OPTIONS', headers });
  assert.equal(answer.status, 204);
  assert.match(answer.headers.get('access-control-allow-headers') ?? '', /authorization/);
});

test('serves the watch page and all that it loads, nothing of it inline', async () => {
  const page = await ask('/watch/news');
  assert.match(page.headers.get('content-security-policy') ?? '', /script-src 'self';/);
  const html = await page.text();
  assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/);
  const files = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map((match) => match[1] ?? '');
  assert.equal(files.length, 3);
  for (const path of files) {
    const file = await ask(path);
    assert.equal(file.status, 200, path);
    assert.equal(file.headers.get('cache-control'), 'public, max-age=31536000, immutable');
  }
});

test('is alive, ready and measured', async () => {
  assert.equal((await ask('/healthz')).status, 200);
  assert.equal((await ask('/readyz')).status, 200);
  assert.match(await (await ask('/metrics')).text(), /^headwater_geo_redirects_total \d+$/m);
});

test('too many headers are refused with a code, and so is what is no request', async () => {
  const cases = [
    [`GET /healthz HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(16_384)}\r\n\r\n`, 431, 'headers_too_large'],
    ['HELLO\r\n\r\n', 400, 'bad_request'],
    ['GET /live/news/master.m3u8 HTTP/1.1\r\n\r\n', 400, 'bad_request'],
    ...['', 'a b', '[', 'a/b?c', '\u00e9'].map((host) => {
      return [`GET /live/news/master.m3u8 HTTP/1.1\r\nhost: ${host}\r\n\r\n`, 400, 'bad_request'] as const;
    }),
    [`GET /live/${'x'.repeat(8_192)} HTTP/1.1\r\nhost: a\r\n\r\n`, 414, 'uri_too_long'],
  ] as const;
  for (const [bytes, status, code] of cases) {
    const reply = await askRaw(geo.port, bytes);
    assert.match(reply, new RegExp(`^HTTP/1.1 ${status} [^]*"code":"${code}"`));
    if (code !== 'bad_request') assert.match(reply, /access-control-allow-origin: \*/);
  }
});

/** What comes back to bytes after which the client says no more. */
async function askRaw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.end(bytes, 'latin1');
  return text(socket);
}

test('each limit holds at one more', async () => {
  const config = readConfig({
    HEADWATER_GEO_PORT: '0',
    HEADWATER_DATA_DIR: directory,
    HEADWATER_CONTROL_URL: 'http://127.0.0.1:9',
    HEADWATER_GEO_MAX_URL_BYTES: '300',
    HEADWATER_GEO_MAX_HEADER_BYTES: '2048',
  });
  await using small = await startGeo(config, { log: () => {} });
  const get = (path: string, field: string): Promise<string> =>
    askRaw(small.port, `GET ${path} HTTP/1.1\r\nhost: a\r\nx: ${field}\r\n\r\n`);
  assert.match(await get('/healthz?'.padEnd(300, 'x'), ''), /^HTTP\/1\.1 200/);
  assert.match(await get('/healthz?'.padEnd(301, 'x'), ''), /^HTTP\/1\.1 414/);
  assert.match(await get('/healthz', 'x'.repeat(1_900)), /^HTTP\/1\.1 200/);
  assert.match(await get('/healthz', 'x'.repeat(2_049)), /^HTTP\/1\.1 431/);
  const ahead = connect(small.port, '127.0.0.1').on('error', () => undefined);
  ahead.resume().write('GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(1 + PIPELINE_LIMIT + 1));
  const startedMs = performance.now();
  await once(ahead, 'close');
  assert.ok(performance.now() - startedMs < 10_000, 'not for being idle');
});

test('connections are capped, in all and from one address, and a proxy stands for many', async () => {
  const perAddress = { HEADWATER_MAX_CONNECTIONS_PER_IP: '2' };
  const cases = [
    [{ HEADWATER_GEO_MAX_CONNECTIONS: '2' }, false],
    [perAddress, false],
    [{ ...perAddress, HEADWATER_TRUSTED_PROXIES: '127.0.0.0/8' }, true],
  ] as const;
  for (const [limits, isTaken] of cases) {
    const config = readConfig({
      HEADWATER_GEO_PORT: '0',
      HEADWATER_DATA_DIR: directory,
      HEADWATER_CONTROL_URL: 'http://127.0.0.1:9',
      ...limits,
    });
    await using small = await startGeo(config, { log: () => {} });
    const sockets: Socket[] = [];
    for (const outcome of ['data', 'data', isTaken ? 'data' : 'close']) {
      const socket = connect(small.port, '127.0.0.1').resume();
      sockets.push(socket.on('error', () => undefined));
      socket.write('GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n');
      await once(socket, outcome);
    }
    for (const socket of sockets) socket.destroy();
  }
});

test('what a proxy hands on as the host is one, or it does not count', async () => {
  const secret = Buffer.alloc(32, 5).toString('base64url');
  const issuer = { iss: 'backend', alg: 'HS256', secret } as const;
  const stream = { policy: 'token', keyHash: 'x', origin: 'origin-1', ladder: null } as const;
  const state = new FeedState();
  const messages: FeedMessage[] = [
    { type: 'path-keys', keys: [{ kid: 'k1', secret, state: 'current' }] },
    { type: 'issuer', issuer },
    ...['show', 'other'].map((name) => ({ type: 'stream', stream: { ...stream, name } }) as const),
    ...EDGES.map((node) => ({ type: 'node', node }) as const),
  ];
  state.apply({ cursor: '1', snapshot: true, messages });
  await using own = await mkdtempDisposable(join(tmpdir(), 'headwater-geo-'));
  const config = readConfig({
    HEADWATER_GEO_PORT: '0',
    HEADWATER_DATA_DIR: own.path,
    HEADWATER_CONTROL_URL: 'http://127.0.0.1:9',
    HEADWATER_TRUSTED_PROXIES: '127.0.0.0/8',
  });
  await using proxied = await startGeo(config, { state, log: () => {} });
  const claims = { exp: Math.floor(Date.now() / 1000) + 60, cdniuc: 'regex:https?://cdn/live/show/[^?]*(\\?.*)?' };
  const signer = { iss: 'backend', alg: 'HS256', key: createSecretKey(secret, 'base64url') } as const;
  const token = mintSessionToken(claims, signer);
  const statusOf = async (name: string, host: string): Promise<number> => {
    const headers = { 'x-forwarded-host': host, authorization: `Bearer ${token}` };
    const answer = await fetch(`${proxied.url}/live/${name}/master.m3u8`, { redirect: 'manual', headers });
    return answer.status;
  };
  assert.equal(await statusOf('show', 'cdn'), 307);
  assert.equal(await statusOf('show', 'else'), 403);
  assert.equal(await statusOf('other', 'cdn'), 403);
  assert.equal(await statusOf('other', 'cdn/live/show/a?'), 403);
});

test('a whole URL as the target is the path in it', async () => {
  const reply = await askRaw(geo.port, 'GET http://cdn.example/live/news/master.m3u8 HTTP/1.1\r\nhost: other\r\n\r\n');
  assert.match(reply, /^HTTP\/1\.1 307 [^]*location: http:\/\/127\.0\.0\.1:2\/live\/news\/master\.m3u8\r\n/i);
});

test('an odd request target is an answer, not a crash', async () => {
  for (const path of ['*', '//', '/live//', '/live/%', '/watch/%zz', 'http://[/']) {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      request({ port: geo.port, path }, (answer) => resolve(answer.resume().statusCode))
        .once('error', reject)
        .end();
    });
    assert.ok(status !== undefined && status >= 400 && status < 500, `${path}: ${status}`);
  }
});

test('a client that does not finish does not keep it from stopping', { timeout: 15_000 }, async () => {
  const config = readConfig({
    HEADWATER_GEO_PORT: '0',
    HEADWATER_DATA_DIR: directory,
    HEADWATER_CONTROL_URL: 'http://127.0.0.1:9',
  });
  const stopping = await startGeo(config, { log: () => {} });
  const socket = connect(stopping.port, '127.0.0.1');
  socket.write('GET /healthz HTTP/1.1\r\nhost: a\r\n\r\nGET /healthz HTTP/1.1\r\n');
  await once(socket, 'data');
  const startMs = performance.now();
  await stopping[Symbol.asyncDispose]();
  const tookMs = performance.now() - startMs;
  socket.destroy();
  assert.ok(tookMs < 4_000, `${tookMs} ms`);
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { ManualClock } from '@headwater/service/clock';
import { PIPELINE_LIMIT } from '@headwater/service/pipeline-cap';
import { type Answer, FOREIGN_KEYS, ask, feedOf, mint, startRig, until } from './edge-rig.ts';
import { FIRST_NUMBER, type MediaTrack, PARTS, makeMedia } from './fake-media.ts';
import { FakeOrigin } from './fake-origin.ts';
import type { RunningEdge } from './start-edge.ts';

const EPOCH = 'epoch0000';
let media: readonly MediaTrack[];

before(() => {
  media = makeMedia(6);
});

/** Every URL below a stream, found as a player finds them: playlists are read and what they name is followed. */
async function walk(edge: RunningEdge, root: string): Promise<Map<string, Answer>> {
  const found = new Map<string, Answer>();
  const open = ['master.m3u8', 'classic.m3u8', 'ts.m3u8', 'manifest.mpd'];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (found.has(path)) continue;
    const answer = await ask(edge, `${root}/${path}`);
    assert.equal(answer.status, 200, path);
    found.set(path, answer);
    if (!path.endsWith('.m3u8')) continue;
    const hinted = /#EXT-X-PRELOAD-HINT[^\n]*\n/g;
    const uris = answer.text.replace(hinted, '').matchAll(/URI="([^"]+)"|^([^#\n][^\n]*)$/gm);
    for (const [, quoted, plain] of uris) {
      open.push(new URL(quoted ?? plain ?? '', `http://edge/${path}`).pathname.slice(1));
    }
  }
  return found;
}

describe('two edges over one origin', () => {
  let origin: FakeOrigin;
  let first: RunningEdge;
  let second: RunningEdge;

  before(async () => {
    origin = await FakeOrigin.start(media);
    origin.advance(2 * PARTS + 3);
    first = await startRig(feedOf(origin.url), { id: 'edge-1' });
    second = await startRig(feedOf(origin.url), { id: 'edge-2' });
  });
  after(async () => {
    await first[Symbol.asyncDispose]();
    await second[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
  });

  test('answer the same bytes under the same tag, cached and not, each viewer with a token of its own', async () => {
    const one = await walk(first, `/t/${mint('show')}/live/show`);
    const again = await walk(first, `/t/${mint('show', { session: 's2' })}/live/show`);
    const two = await walk(second, `/t/${mint('show', { session: 's3' })}/live/show`);
    assert.deepEqual([...one.keys()].sort(), [...two.keys()].sort());
    assert.ok(one.size > 40, `${one.size} URLs`);
    for (const [path, answer] of one) {
      if (path === 'manifest.mpd') continue;
      for (const other of [again.get(path), two.get(path)]) {
        assert.ok(other?.body.equals(answer.body) === true, path);
        assert.equal(other?.headers.etag, answer.headers.etag, path);
      }
      assert.match(String(again.get(path)?.headers['cache-status']), /^"edge-1"; hit/);
    }
    const named = { headers: { host: 'edge.example' } };
    const token = mint('show');
    const mpd = await ask(first, `/t/${token}/live/show/manifest.mpd`, named);
    const other = await ask(second, `/t/${token}/live/show/manifest.mpd`, named);
    assert.equal(other.text.replaceAll('edge-2', 'edge-1'), mpd.text, 'but for the place it is one MPD');
    const number = FIRST_NUMBER + 1;
    assert.ok(one.get(`v180/${EPOCH}/${number}.m4s`)?.body.equals(origin.bytesOf('v180', number)));
    assert.ok(one.get(`a0/${EPOCH}/${number}.2.m4s`)?.body.equals(origin.bytesOf('a0', number, 2)));
    assert.deepEqual(
      [...new Set(origin.fetched.values())].filter((count) => count > 2),
      [],
      'no object is fetched more than once by each edge',
    );
  });

  test('refuse every URL without a good token, cached and not, and ask the origin nothing', async () => {
    const good = mint('show');
    const urls = [...(await walk(first, `/t/${good}/live/show`)).keys()];
    await using cold = await startRig(feedOf(origin.url), { id: 'edge-3' });
    const nowS = Math.floor(Date.now() / 1000);
    const altered = good.slice(0, -1) + (good.endsWith('A') ? 'B' : 'A');
    const roots = [
      ['/live/show', 'token_missing'],
      ['/t//live/show', 'token_malformed'],
      [`/t/${'x'.repeat(400)}/live/show`, 'token_malformed'],
      ['/t/%2e%2e/live/show', 'token_malformed'],
      [`/t/${mint('show', {}, FOREIGN_KEYS)}/live/show`, 'token_signature'],
      [`/t/${altered}/live/show`, 'token_signature'],
      [`/t/${good.replace('.s1.', '.s2.')}/live/show`, 'token_signature'],
      [`/t/${good.replace('.k1.', '.k9.')}/live/show`, 'token_unknown_key'],
      [`/t/${mint('open')}/live/show`, 'token_scope'],
      [`/t/${mint('show', { expiresS: nowS - 1 })}/live/show`, 'token_expired'],
      [`/t/${mint('show', { notBeforeS: nowS + 60 })}/live/show`, 'token_not_yet_valid'],
      [`/t/${mint('show', { bind: '203.0.113.0/24' })}/live/show`, 'token_address'],
    ] as const;
    for (const edge of [first, second, cold]) {
      for (const [root, code] of roots) {
        for (const url of urls) {
          const answer = await ask(edge, `${root}/${url}`);
          assert.deepEqual([answer.status, answer.code], [403, code], `${root}/${url}`);
        }
      }
    }
    const metrics = (await ask({ port: cold.adminPort }, '/metrics')).text;
    assert.match(metrics, /headwater_edge_fills_started_total 0\n/);
    assert.match(metrics, /headwater_edge_streams 0\n/);
  });

  test('have no track of a name that every object has, and go on', async () => {
    const files = ['media.m3u8', 'classic.m3u8', 'ts.m3u8', `${EPOCH}/init.mp4`];
    files.push(...['m4s', '0.m4s', 'ts'].map((end) => `${EPOCH}/${FIRST_NUMBER}.${end}`));
    const root = `/t/${mint('show')}/live/show`;
    assert.equal((await ask(first, `${root}/master.m3u8`)).status, 200);
    for (const file of files) {
      assert.deepEqual(codes(await ask(first, `${root}/constructor/${file}`)), [404, 'track_not_found'], file);
    }
  });

  test('let in whom the token binds to', async () => {
    const token = mint('show', { bind: '127.0.0.0/8' });
    assert.equal((await ask(first, `/t/${token}/live/show/master.m3u8`)).status, 200);
  });

  test('tell of a stream only to those with a token for it', async () => {
    const unknown = `/t/${mint('nothing')}/live/nothing/master.m3u8`;
    const idle = `/t/${mint('idle')}/live/idle/master.m3u8`;
    assert.deepEqual(codes(await ask(first, unknown)), [404, 'stream_not_found']);
    assert.deepEqual(codes(await ask(first, idle)), [404, 'stream_offline']);
    assert.deepEqual(codes(await ask(first, '/live/nothing/master.m3u8')), [403, 'token_missing']);
    assert.deepEqual(codes(await ask(first, '/live/idle/master.m3u8')), [403, 'token_missing']);
    assert.deepEqual(codes(await ask(first, `/t/${mint('show')}/live/show/v999/media.m3u8`)), [404, 'track_not_found']);
  });

  test('answer HEAD, ranges and conditions', async () => {
    const path = `/t/${mint('show')}/live/show/v180/${EPOCH}/${FIRST_NUMBER}.m4s`;
    const whole = origin.bytesOf('v180', FIRST_NUMBER);
    const head = await ask(first, path, { method: 'HEAD' });
    assert.deepEqual([head.status, head.headers['content-length'], head.body.length], [200, String(whole.length), 0]);
    const etag = String(head.headers.etag);

    const middle = await ask(first, path, { headers: { range: 'bytes=10-19' } });
    assert.deepEqual([middle.status, middle.headers['content-range']], [206, `bytes 10-19/${whole.length}`]);
    assert.ok(middle.body.equals(whole.subarray(10, 20)));
    const tail = await ask(first, path, { headers: { range: 'bytes=-7', 'if-range': etag } });
    assert.ok(tail.status === 206 && tail.body.equals(whole.subarray(-7)));
    assert.equal((await ask(first, path, { headers: { range: 'bytes=-7', 'if-range': '"other"' } })).status, 200);
    const beyond = await ask(first, path, { headers: { range: `bytes=${whole.length}-` } });
    assert.deepEqual(
      [...codes(beyond), beyond.headers['content-range']],
      [416, 'bad_range', `bytes */${whole.length}`],
    );

    const fresh = await ask(first, path, { headers: { 'if-none-match': `"x", ${etag}`, range: 'bytes=0-1' } });
    assert.deepEqual([fresh.status, fresh.headers.etag, fresh.body.length], [304, etag, 0]);
    assert.equal((await ask(first, path, { headers: { 'if-match': `"x", ${etag}`, range: 'bytes=0-1' } })).status, 206);
    const unmet = await ask(first, path, { headers: { 'if-match': `W/${etag}`, 'if-none-match': etag } });
    assert.deepEqual(codes(unmet), [412, 'precondition_failed']);
    const cold = `/t/${mint('show')}/live/show/v180/${EPOCH}/${FIRST_NUMBER + 2}.0.m4s`;
    assert.equal((await ask(second, cold, { headers: { range: 'bytes=0-3' } })).headers['content-length'], '4');
  });

  test('count the bytes that are sent, not those that could have been', async () => {
    await using edge = await startRig(feedOf(origin.url));
    const path = `/t/${mint('show')}/live/show/v180/${EPOCH}/${FIRST_NUMBER}.m4s`;
    const { body, headers } = await ask(edge, path);
    await ask(edge, path, { method: 'HEAD' });
    await ask(edge, path, { headers: { range: 'bytes=10-19' } });
    await ask(edge, path, { headers: { range: `bytes=${body.length}-` } });
    await ask(edge, path, { headers: { 'if-none-match': headers.etag } });
    await ask(edge, path, { headers: { 'if-match': '"other"' } });
    const metrics = await ask({ port: edge.adminPort }, '/metrics');
    assert.match(metrics.text, new RegExp(`headwater_edge_sent_bytes_total ${body.length + 10}\n`));
  });

  test('say how long an object has been here', async () => {
    const clock = new ManualClock(Date.now());
    await using edge = await startRig(feedOf(origin.url), { clock });
    const path = `/t/${mint('show')}/live/show/v180/${EPOCH}/init.mp4`;
    assert.equal((await ask(edge, path)).headers.age, undefined);
    clock.advance(2_999);
    const { headers } = await ask(edge, path);
    assert.deepEqual([headers.age, headers['cache-status']], ['2', '"edge-1"; hit']);
    const head = await ask(edge, path, { method: 'HEAD' });
    assert.deepEqual({ ...head.headers, date: '' }, { ...headers, date: '' });
    assert.equal((await ask(edge, path, { headers: { 'if-none-match': '*' } })).headers.age, '2');
    assert.equal((await ask(edge, `/t/${mint('show')}/live/show/master.m3u8`)).headers.age, undefined);
  });

  test('say what browsers, caches and people want to know', async () => {
    const root = `/t/${mint('show')}/live/show`;
    const part = await ask(first, `${root}/v180/${EPOCH}/${FIRST_NUMBER}.0.m4s`);
    assert.equal(part.headers['access-control-allow-origin'], '*');
    assert.equal(part.headers['access-control-expose-headers'], '*');
    assert.equal(part.headers['cache-control'], 'private, max-age=31536000, immutable');
    assert.equal(part.headers['headwater-edge'], 'edge-1');
    const types = {
      'master.m3u8': 'application/vnd.apple.mpegurl',
      'manifest.mpd': 'application/dash+xml',
      [`v180/${EPOCH}/${FIRST_NUMBER}.ts`]: 'video/mp2t',
      [`v180/${EPOCH}/init.mp4`]: 'video/mp4',
      [`a0/${EPOCH}/init.mp4`]: 'audio/mp4',
    };
    for (const [path, type] of Object.entries(types)) {
      assert.equal((await ask(first, `${root}/${path}`)).headers['content-type'], type);
    }
    const media = await ask(first, `${root}/v180/media.m3u8`);
    assert.equal(media.headers['cache-control'], 'private, max-age=1');
    assert.equal((await ask(first, `${root}/master.m3u8`)).headers['cache-control'], 'private, no-store');
    const open = await ask(first, '/live/open/v180/media.m3u8');
    assert.deepEqual([open.status, open.headers['cache-control']], [200, 'public, max-age=1']);

    const preflight = await ask(first, `${root}/master.m3u8`, { method: 'OPTIONS' });
    assert.equal(preflight.status, 204);
    assert.match(String(preflight.headers['access-control-allow-headers']), /\*/);
    const post = await ask(first, `${root}/master.m3u8`, { method: 'POST' });
    assert.deepEqual([...codes(post), post.headers.allow], [405, 'method_not_allowed', 'GET, HEAD, OPTIONS']);
    assert.equal((await ask(first, '/healthz')).status, 200);
    assert.equal((await ask(first, '/readyz')).status, 200);
    const time = await ask(first, '/time');
    assert.ok(Math.abs(Date.parse(time.text) - Date.now()) < 5_000);
    assert.deepEqual([time.headers['cache-control'], time.headers['access-control-allow-origin']], ['no-store', '*']);
    const mpd = await ask(first, `${root}/manifest.mpd`);
    assert.ok(mpd.text.includes(`urn:mpeg:dash:utc:http-xsdate:2014" value="http://127.0.0.1:${first.port}/time"`));
    assert.deepEqual(codes(await ask(first, '/live/show/../../etc/passwd')), [404, 'not_found']);
    const metrics = await ask({ port: first.adminPort }, '/metrics');
    assert.match(metrics.text, /headwater_edge_requests_total\{kind="part",outcome="hit"\} \d+/);
    assert.equal((await ask({ port: first.adminPort }, '/readyz')).status, 200);
  });
});

describe('limits', () => {
  let origin: FakeOrigin;
  before(async () => {
    origin = await FakeOrigin.start(media);
    origin.advance(PARTS);
  });
  after(() => origin[Symbol.asyncDispose]());

  test('a URL and a head may be so long and no longer', async () => {
    await using edge = await startRig(feedOf(origin.url), { limits: { urlBytes: 1_000, headerBytes: 4_096 } });
    const path = `/t/${mint('show')}/live/show/master.m3u8?x=`;
    assert.equal((await ask(edge, path.padEnd(1_000, 'x'))).status, 200);
    assert.deepEqual(codes(await ask(edge, path.padEnd(1_001, 'x'))), [414, 'uri_too_long']);
    assert.equal((await ask(edge, path, { headers: { a: 'x'.repeat(2_000) } })).status, 200);
    assert.deepEqual(codes(await ask(edge, path, { headers: { a: 'x'.repeat(4_097) } })), [431, 'headers_too_large']);
  });

  test('what is no HTTP is told so', async () => {
    await using edge = await startRig(feedOf(origin.url));
    const cases = [
      ['GET /live HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 .*bad_request/s],
      ['GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', /^HTTP\/1\.1 400 .*bad_request/s],
      ['GET /live HTTP/9\r\n\r\n', /^HTTP\/1\.1 400 .*problem\+json.*bad_request/s],
      ['\u0016\u0003\u0001', /^HTTP\/1\.1 400 /],
    ] as const;
    for (const [bytes, expected] of cases) {
      const socket = connect(edge.port, '127.0.0.1');
      socket.write(bytes);
      const [reply] = (await once(socket, 'data')) as [Buffer];
      assert.match(reply.toString(), expected);
      socket.destroy();
    }
  });

  test('a body: none is read, and its connection ends', async () => {
    await using edge = await startRig(feedOf(origin.url));
    const cases = [
      ['GET', 'Content-Length: 99999999', 413, 'body_too_large'],
      ['HEAD', 'Transfer-Encoding: chunked', 413, ''],
      ['GET', 'Transfer-Encoding: chunked', 413, 'body_too_large'],
      ['POST', 'Content-Length: 99999999', 405, 'method_not_allowed'],
    ] as const;
    for (const [method, field, status, code] of cases) {
      const socket = connect(edge.port, '127.0.0.1');
      socket.write(`${method} /healthz HTTP/1.1\r\nHost: e\r\n${field}\r\n\r\n`);
      assert.match(await text(socket), new RegExp(`^HTTP/1\\.1 ${status} [^]*Connection: close[^]*${code}`));
    }
    assert.equal((await ask(edge, '/healthz', { headers: { 'content-length': 0 } })).status, 200);
  });

  test('a whole URL as the target is the path in it (RFC 9112 §3.2.2)', async () => {
    await using edge = await startRig(feedOf(origin.url));
    const path = `/t/${mint('show')}/live/show/v180/${EPOCH}/${FIRST_NUMBER}.m4s`;
    const [plain, whole] = [await ask(edge, path), await ask(edge, `http://cdn.example${path}`)];
    assert.deepEqual([whole.status, whole.body], [200, plain.body]);
  });

  test('connections, in all and from one address', async () => {
    for (const limits of [{ connections: 2 }, { connectionsPerAddress: { loopback: 2, elsewhere: 0 } }]) {
      await using edge = await startRig(feedOf(origin.url), { limits });
      const sockets = [connect(edge.port, '127.0.0.1'), connect(edge.port, '127.0.0.1')];
      for (const socket of sockets) {
        socket.write('GET /healthz HTTP/1.1\r\nHost: e\r\n\r\n');
        await once(socket, 'data');
      }
      const third = connect(edge.port, '127.0.0.1');
      third.on('error', () => undefined);
      await once(third, 'close');
      sockets[0]?.destroy();
      await once(sockets[0] as NonNullable<(typeof sockets)[0]>, 'close');
      const metrics = await ask({ port: edge.adminPort }, '/metrics');
      assert.match(metrics.text, /connections_refused_total 1\n/);
      sockets[1]?.destroy();
    }
  });

  test('connections of operators', async () => {
    await using edge = await startRig(feedOf(origin.url), { limits: { adminConnections: 2 } });
    const open = async (): Promise<Socket> => {
      const socket = connect(edge.adminPort, '127.0.0.1');
      socket.on('error', () => undefined);
      await once(socket.resume(), 'connect');
      return socket;
    };
    const [first, second] = [await open(), await open()];
    await once(await open(), 'close');
    first.destroy();
    second.write('GET /healthz HTTP/1.1\r\nHost: e\r\n\r\n');
    await once(second, 'data');
    second.destroy();
  });

  test('a connection on which nothing moves is closed, one in use is not', async () => {
    await using edge = await startRig(feedOf(origin.url), { limits: { idleMs: 400 } });
    const greeting = 'GET /healthz HTTP/1.1\r\nHost: e\r\n\r\n';
    const idle = connect(edge.port, '127.0.0.1');
    const busy = connect(edge.port, '127.0.0.1');
    idle.write(greeting);
    busy.on('data', () => setTimeout(() => busy.write(greeting), 50));
    busy.write(greeting);
    const silent = connect(edge.port, '127.0.0.1');
    await Promise.all([once(idle.resume(), 'close'), once(silent.resume(), 'close')]);
    assert.equal(busy.destroyed, false);
    busy.destroy();
  });

  test('waiters: one more playlist is 503, one more segment 429', async () => {
    await using edge = await startRig(feedOf(origin.url), { limits: { waiters: 2 } });
    const root = `/t/${mint('show')}/live/show`;
    assert.equal((await ask(edge, `${root}/master.m3u8`)).status, 200);
    const blocked = `${root}/v180/media.m3u8?_HLS_msn=${FIRST_NUMBER + 1}&_HLS_part=0`;
    const waiting = [ask(edge, blocked), ask(edge, blocked)];
    await until(edge, /headwater_edge_waiting 2\n/);
    assert.deepEqual(codes(await ask(edge, blocked)), [503, 'too_many_waiters']);
    const part = `${root}/a0/${EPOCH}/${FIRST_NUMBER + 1}.0.m4s`;
    assert.deepEqual(codes(await ask(edge, part)), [429, 'too_many_requests']);
    origin.advance(1);
    for (const answer of await Promise.all(waiting)) assert.equal(answer.status, 200);
  });

  test('waiters: one connection waits for one thing, whatever is sent down it', async () => {
    await using own = await FakeOrigin.start(media);
    own.advance(PARTS);
    await using edge = await startRig(feedOf(own.url), { limits: { waiters: 2 } });
    const root = `/t/${mint('show')}/live/show`;
    assert.equal((await ask(edge, `${root}/master.m3u8`)).status, 200);
    const blocked = `${root}/v180/media.m3u8?_HLS_msn=${FIRST_NUMBER + 1}&_HLS_part=0`;
    const greedy = connect(edge.port, '127.0.0.1');
    let answered = '';
    greedy.setEncoding('latin1').on('data', (text: string) => (answered += text));
    greedy.write(`GET ${blocked} HTTP/1.1\r\nHost: e\r\n\r\n`.repeat(50));
    await until(edge, /headwater_edge_waiting 1\n/);
    const other = ask(edge, blocked);
    await until(edge, /headwater_edge_waiting 2\n/);
    own.advance(1);
    assert.equal((await other).status, 200);
    while (answered.match(/^HTTP\/1\.1 200 /gm)?.length !== 50) await once(greedy, 'data');
    greedy.destroy();
  });

  test('requests sent ahead: one more and their connection is cut', async () => {
    await using edge = await startRig(feedOf(origin.url));
    const root = `/t/${mint('show')}/live/show`;
    assert.equal((await ask(edge, `${root}/master.m3u8`)).status, 200);
    const blocked = `GET ${root}/v180/media.m3u8?_HLS_msn=${FIRST_NUMBER + 2} HTTP/1.1\r\nHost: e\r\n\r\n`;
    const greedy = connect(edge.port, '127.0.0.1').on('error', () => undefined);
    greedy.resume().write(blocked.repeat(1 + PIPELINE_LIMIT + 1));
    const startedMs = performance.now();
    await once(greedy, 'close');
    assert.ok(performance.now() - startedMs < 5_000, 'before the first of them was answered');
  });

  test('a viewer that leaves waits no longer', async () => {
    await using edge = await startRig(feedOf(origin.url), { limits: { waiters: 1 } });
    const root = `/t/${mint('show')}/live/show`;
    assert.equal((await ask(edge, `${root}/master.m3u8`)).status, 200);
    const socket = connect(edge.port, '127.0.0.1');
    socket.write(`GET ${root}/v180/media.m3u8?_HLS_msn=${FIRST_NUMBER + 2} HTTP/1.1\r\nHost: e\r\n\r\n`);
    await until(edge, /headwater_edge_waiting 1\n/);
    socket.destroy();
    await until(edge, /headwater_edge_waiting 0\n/);
    await ask(edge, `${root}/v180/media.m3u8?_HLS_part=1`);
    await ask(edge, `${root}/v999/media.m3u8`);
    const outcomes = 'outcome="(declined|left|failed)"\\} ';
    const metrics = await ask({ port: edge.adminPort }, '/metrics');
    const told = [...metrics.text.matchAll(new RegExp(`kind="playlist",${outcomes}(\\d+)`, 'g'))].map(
      (match) => match[2],
    );
    assert.deepEqual(told, ['2', '1', '0'], 'none of this is the edge failing');
  });

  test('fills and streams', async () => {
    await using few = await startRig(feedOf(origin.url), { limits: { fills: 1 } });
    const root = `/t/${mint('show')}/live/show`;
    const ahead = ask(few, `${root}/v180/${EPOCH}/${FIRST_NUMBER + 1}.1.m4s`);
    await until(few, /headwater_edge_fills 1\n/);
    assert.deepEqual(codes(await ask(few, `${root}/v180/${EPOCH}/init.mp4`)), [429, 'too_many_requests']);
    origin.advance(2);
    assert.equal((await ahead).status, 200);

    await using one = await startRig(feedOf(origin.url), { limits: { streams: 1 } });
    assert.equal((await ask(one, `${root}/master.m3u8`)).status, 200);
    const other = await ask(one, '/live/open/master.m3u8');
    assert.deepEqual(codes(other), [429, 'too_many_streams']);
  });

  test('memory of what is on its way: one object more is 429, and none of it is lost', async () => {
    const size = origin.bytesOf('v180', FIRST_NUMBER).length;
    const path = `/t/${mint('show')}/live/show/v180/${EPOCH}/${FIRST_NUMBER}.m4s`;
    await using exact = await startRig(feedOf(origin.url), { limits: { fillBytes: size, prefetches: 0 } });
    assert.equal((await ask(exact, path)).status, 200);
    await until(exact, /headwater_edge_fill_bytes 0\n/);
    await using small = await startRig(feedOf(origin.url), { limits: { fillBytes: size - 1, prefetches: 0 } });
    assert.deepEqual(codes(await ask(small, path)), [429, 'too_many_requests']);
    await until(small, /headwater_edge_fill_bytes 0\n/);
  });

  test('memory of what the cache has dropped and a viewer does not take: a byte more and the viewer is cut off', async () => {
    const size = origin.bytesOf('v180', FIRST_NUMBER).length;
    const root = `/t/${mint('show')}/live/show`;
    const path = `${root}/v180/${EPOCH}/${FIRST_NUMBER}.m4s`;
    for (const unsentBytes of [size, size - 1]) {
      const limits = { ramBytes: size + 2_000, unsentBytes, prefetches: 0 };
      await using edge = await startRig(feedOf(origin.url), { limits });
      assert.equal((await ask(edge, path)).status, 200);
      const stuck = connect(edge.port, '127.0.0.1').pause();
      stuck.write(`GET ${path} HTTP/1.1\r\nHost: e\r\n\r\n`.repeat(50));
      await until(edge, /kind="segment",outcome="hit"\} [1-9]/);
      await until(edge, /headwater_edge_unsent_bytes 0\n/);
      assert.equal((await ask(edge, `${root}/a0/${EPOCH}/${FIRST_NUMBER}.m4s`)).status, 200);
      if (unsentBytes === size) await until(edge, new RegExp(`headwater_edge_unsent_bytes ${size}\n`));
      else await until(edge, /headwater_edge_slow_readers_cut_total 1\n/);
      stuck.destroy();
      await until(edge, /headwater_edge_unsent_bytes 0\n/);
    }
  });

  test('an object above its size is never kept, and the cache never above its own', async () => {
    const size = origin.bytesOf('v180', FIRST_NUMBER).length;
    const path = `/t/${mint('show')}/live/show/v180/${EPOCH}/${FIRST_NUMBER}.m4s`;
    await using exact = await startRig(feedOf(origin.url), { limits: { objectBytes: size } });
    const kept = await ask(exact, path, { method: 'HEAD' });
    assert.deepEqual([kept.status, kept.headers['cache-status']], [200, '"edge-1"; fwd=uri-miss; stored']);
    await using small = await startRig(feedOf(origin.url), { limits: { objectBytes: size - 1 } });
    assert.deepEqual(codes(await ask(small, path)), [429, 'media_unavailable']);
    await using tiny = await startRig(feedOf(origin.url), { limits: { ramBytes: size, prefetches: 0 } });
    assert.equal((await ask(tiny, path)).status, 200);
    assert.equal((await ask(tiny, path, { method: 'HEAD' })).headers['cache-status'], '"edge-1"; fwd=uri-miss');
    await until(tiny, /headwater_edge_cache_bytes 0\n/);
  });
});

test('before the feed has told anything nobody is let in, and nobody is turned away for good', async () => {
  const { FeedState } = await import('@headwater/protocol/feed-state');
  await using edge = await startRig(new FeedState());
  assert.deepEqual(codes(await ask(edge, `/t/${mint('show')}/live/show/master.m3u8`)), [503, 'not_ready']);
  const segment = `/t/${mint('show')}/live/show/v180/${EPOCH}/1.m4s`;
  assert.deepEqual(codes(await ask(edge, segment)), [429, 'media_unavailable']);
  assert.equal((await ask(edge, '/healthz')).status, 200);
  assert.deepEqual(codes(await ask(edge, '/readyz')), [503, 'not_ready']);
  assert.deepEqual(codes(await ask({ port: edge.adminPort }, '/readyz')), [503, 'not_ready']);
});

function codes(answer: Answer): [number, string | undefined] {
  return [answer.status, answer.code];
}

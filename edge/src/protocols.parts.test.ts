import assert from 'node:assert/strict';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { FeedState } from '@headwater/protocol/feed-state';
import type { ZoneEntry } from '@headwater/protocol/zone';
import { feedOf, mint, startRig } from './edge-rig.ts';
import { FIRST_NUMBER, PARTS, makeMedia } from './fake-media.ts';
import { FakeOrigin } from './fake-origin.ts';
import { type Asked, type Came, PROTOCOLS, type Protocol, TlsFolder, askBy } from './secure-rig.ts';
import type { RunningEdge } from './start-edge.ts';

const MEDIA = makeMedia(6);
const SEGMENT = `v180/epoch0000/${FIRST_NUMBER}.m4s`;

let folder: TlsFolder;
let origin: FakeOrigin;
const edges = new Map<Protocol, RunningEdge>();
const zoneEdges = new Map<Protocol, RunningEdge>();
const LONG = Buffer.alloc(300_000, 'headwater ');
const LASTING = { 'cache-control': 'max-age=60', etag: '"a"' };

/** What somebody else's site has. */
const SITE: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>> = {
  '/whole': (_request, response) => void response.writeHead(200, LASTING).end(LONG),
  '/gone': (_request, response) => void response.writeHead(410, LASTING).end('gone'),
  '/empty': (_request, response) => void response.writeHead(204).end(),
  '/fields': (_request, response) =>
    void response.writeHead(200, ['Set-Cookie', 'a', 'Set-Cookie', 'b', 'X-Odd', '']).end('thing'),
  '/echo': (request, response) => void request.pipe(response.writeHead(201)),
  '/hints'(_request, response) {
    response.writeEarlyHints({ link: '</a>; rel=preload' });
    response.end('thing');
  },
  '/unframed'(_request, response) {
    response.writeHead(200, { ...LASTING, trailer: 'x-sum' }).write('some');
    response.addTrailers({ 'x-sum': '1' });
    response.end('thing');
  },
  '/cut'(_request, response) {
    response.writeHead(200, { 'content-length': 300_000 }).write(LONG.subarray(0, 100_000));
    setImmediate(() => response.destroy());
  },
};
const library = createServer((request, response) =>
  SITE[(request.url ?? '').replace('?anew', '')]?.(request, response),
);

before(async () => {
  folder = await TlsFolder.make();
  const files = await folder.add('edge.example');
  origin = await FakeOrigin.start(MEDIA);
  origin.advance(2 * PARTS + 3);
  const site = await new Promise<number>((resolve) => {
    library.listen(0, '127.0.0.1', () => resolve((library.address() as AddressInfo).port));
  });
  const zone: ZoneEntry = {
    name: 'site',
    hosts: ['edge.example'],
    pathPrefix: '/',
    origins: [`http://127.0.0.1:${site}`],
    policy: 'public',
  };
  for (const protocol of PROTOCOLS) {
    const tlsFiles = protocol === 'http/1.1' ? [] : [files];
    edges.set(protocol, await startRig(feedOf(origin.url), { tlsFiles }));
    zoneEdges.set(protocol, await startRig(new FeedState(), { tlsFiles, zones: [zone] }));
  }
});
after(async () => {
  for (const edge of [...edges.values(), ...zoneEdges.values()]) await edge[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
  library.close();
  library.closeAllConnections();
});

/** Asks each edge in its own protocol. */
async function askAll(asked: Asked, of = edges): Promise<readonly Came[]> {
  return Promise.all(PROTOCOLS.map((protocol) => askBy(protocol, of.get(protocol)?.port ?? assert.fail(), asked)));
}

/** What differs between plain and TLS and ought to: URLs that name the scheme. */
function ofOneScheme(body: Buffer): string {
  return body.toString('latin1').replaceAll('https://edge.example', 'http://edge.example');
}

/** What parts several ranges is another one each time. */
function ofOneBoundary(came: Came): Came {
  const [, boundary] = /; boundary=(\S+)/.exec(came.fields.join('\n')) ?? [];
  if (boundary === undefined) return came;
  const body = Buffer.from(came.body.toString('latin1').replaceAll(boundary, '-'), 'latin1');
  return { ...came, body, fields: came.fields.map((line) => line.replace(boundary, '-')) };
}

function assertAlike(answers: readonly Came[], what: string): Came {
  const [first, ...others] = answers.map(ofOneBoundary);
  assert.ok(first !== undefined);
  const { body: firstBody, fields: firstFields, ...firstRest } = first;
  for (const other of others) {
    const { body, fields, ...rest } = other;
    assert.deepEqual(rest, firstRest, what);
    const isWritten = fields.some((line) => line.includes('dash+xml'));
    // An MPD names its edge, and so its tag and its length go by the scheme.
    const tagless = (list: readonly string[]): readonly string[] =>
      (isWritten ? list.filter((line) => !/^(?:etag|content-length)/.test(line)) : list)
        // A second may have gone by between two of them.
        .map((line) => line.replace(/ttl=\d+/, 'ttl'));
    assert.deepEqual(tagless(fields), tagless(firstFields), what);
    assert.ok(
      ofOneScheme(body) === ofOneScheme(firstBody),
      `${what}: bodies of ${firstBody.length} and ${body.length}`,
    );
  }
  return first;
}

/** What is asked, and the status that all must give; each is asked twice, so that both a miss and a hit are seen. */
const TABLE: readonly (readonly [what: string, status: number, asked: Asked])[] = [
  ['a multivariant playlist', 200, { path: '/live/open/master.m3u8' }],
  ['an MPD', 200, { path: '/live/open/manifest.mpd' }],
  ['a media playlist', 200, { path: '/live/open/v180/media.m3u8' }],
  ['a delta update', 200, { path: '/live/open/v180/media.m3u8?_HLS_skip=YES' }],
  ['an init segment', 200, { path: '/live/open/v180/epoch0000/init.mp4' }],
  ['a segment', 200, { path: `/live/open/${SEGMENT}` }],
  ['a part', 200, { path: `/live/open/v180/epoch0000/${FIRST_NUMBER}.1.m4s` }],
  ['a TS segment', 200, { path: `/live/open/v180/epoch0000/${FIRST_NUMBER}.ts` }],
  ['HEAD', 200, { method: 'HEAD', path: `/live/open/${SEGMENT}` }],
  ['a range', 206, { path: `/live/open/${SEGMENT}`, fields: { range: 'bytes=10-99' } }],
  ['a suffix', 206, { path: `/live/open/${SEGMENT}`, fields: { range: 'bytes=-7' } }],
  ['a range past the end', 416, { path: `/live/open/${SEGMENT}`, fields: { range: 'bytes=99999999-' } }],
  ['a condition that fails', 412, { path: `/live/open/${SEGMENT}`, fields: { 'if-match': '"x"' } }],
  ['a condition that holds', 304, { path: `/live/open/${SEGMENT}`, fields: { 'if-none-match': '*' } }],
  ['no token', 403, { path: `/live/show/${SEGMENT}` }],
  ['a bad token', 403, { path: `/t/x/live/show/${SEGMENT}` }],
  ['no such track', 404, { path: '/live/open/nothing/media.m3u8' }],
  ['no such path', 404, { path: '/nothing' }],
  ['HEAD of no such path', 404, { method: 'HEAD', path: '/nothing' }],
  ['a preflight', 204, { method: 'OPTIONS', path: `/live/open/${SEGMENT}` }],
  ['a method that nothing has', 405, { method: 'DELETE', path: `/live/open/${SEGMENT}` }],
  ['a directive too far', 400, { path: '/live/open/v180/media.m3u8?_HLS_msn=999999999999' }],
  ['a long URL', 414, { path: `/${'a'.repeat(5_000)}` }],
  ['health', 200, { path: '/healthz' }],
  ['readiness', 200, { path: '/readyz' }],
  ['an unknown expectation', 417, { path: '/healthz', fields: { expect: 'the unexpected' } }],
];

for (const [what, status, asked] of TABLE) {
  test(`${what} is the same in every protocol`, async () => {
    for (const round of ['the first time', 'again']) {
      const came = assertAlike(await askAll(asked), `${what}, ${round}`);
      assert.equal(came.status, status);
      assert.ok(came.complete);
    }
  });
}

test('whom a token lets in is let in', async () => {
  const path = `/t/${mint('show')}/live/show/${SEGMENT}`;
  const came = assertAlike(await askAll({ path }), path);
  assert.ok(came.body.equals(origin.bytesOf('v180', FIRST_NUMBER)));
  assert.ok(came.fields.includes('cache-control: private, max-age=31536000, immutable'));
});

const OF_SITE: readonly (readonly [what: string, status: number, asked: Asked])[] = [
  ['a long object', 200, { path: '/whole' }],
  ['its head', 200, { method: 'HEAD', path: '/whole' }],
  ['a range of it', 206, { path: '/whole', fields: { range: 'bytes=100000-299000' } }],
  ['two ranges of it', 206, { path: '/whole', fields: { range: 'bytes=1-2,200000-200001' } }],
  ['a condition on it', 304, { path: '/whole', fields: { 'if-none-match': '"a"' } }],
  ['one of unknown length, with trailers', 200, { path: '/unframed', fields: { te: 'trailers' } }],
  ['one with early hints', 200, { path: '/hints' }],
  ['one that is gone', 410, { path: '/gone' }],
  ['an answer without a body', 204, { path: '/empty' }],
  ['several fields of a name', 200, { path: '/fields' }],
  ['a body that comes back', 201, { method: 'POST', path: '/echo', body: 'x'.repeat(100_000) }],
  ['a body of a GET', 413, { path: '/whole', fields: { 'content-length': '2' }, body: 'ab' }],
  ['a path trick', 400, { path: '/a/%2e%2e/b' }],
];
for (const [what, status, asked] of OF_SITE) {
  test(`of a zone, ${what} is the same in every protocol`, async () => {
    for (const round of ['the first time', 'again']) {
      const came = assertAlike(await askAll(asked, zoneEdges), `${what}, ${round}`);
      assert.equal(came.status, status);
      assert.ok(came.complete);
    }
  });
}

test('of a zone, a body that breaks off looks whole in no protocol', async () => {
  for (const came of await askAll({ path: '/cut' }, zoneEdges)) {
    assert.ok(came.status !== 200 || !came.complete, `${came.status}, ${came.body.length} bytes`);
    assert.ok(came.body.length < 300_000);
  }
});

test('a segment that grows is the same in every protocol', async () => {
  const number = FIRST_NUMBER + 2;
  const came = askAll({ path: `/live/open/v180/epoch0000/${number}.m4s` });
  while (origin.waiting < PROTOCOLS.length) await new Promise(setImmediate);
  origin.advance(PARTS);
  const first = assertAlike(await came, 'a growing segment');
  assert.equal(first.status, 200);
  assert.ok(first.body.equals(origin.bytesOf('v180', number)));
});

test('a segment whose origin dies looks whole in no protocol', async () => {
  const number = FIRST_NUMBER + 3;
  origin.fail(new RegExp(`v180/epoch0000/${number}\\.[4-9]`), 'error', 1_000);
  const came = askAll({ path: `/live/open/v180/epoch0000/${number}.m4s` });
  origin.advance(PARTS);
  for (const { status, complete, body } of await came) {
    assert.ok(status !== 200 || !complete, `${status}, ${body.length} bytes`);
  }
});

test('of a zone, hints and trailers come in every protocol', async () => {
  // A query of its own: what is stored has no hints any more.
  for (const { interim } of await askAll({ path: '/hints?anew' }, zoneEdges)) assert.deepEqual(interim, [103]);
  for (const { trailers } of await askAll({ path: '/unframed?anew', fields: { te: 'trailers' } }, zoneEdges)) {
    assert.deepEqual(trailers, ['x-sum: 1']);
  }
});

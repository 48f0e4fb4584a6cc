import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
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

before(async () => {
  folder = await TlsFolder.make();
  const files = await folder.add('edge.example');
  origin = await FakeOrigin.start(MEDIA);
  origin.advance(2 * PARTS + 3);
  for (const protocol of PROTOCOLS) {
    const tlsFiles = protocol === 'http/1.1' ? [] : [files];
    edges.set(protocol, await startRig(feedOf(origin.url), { tlsFiles }));
  }
});
after(async () => {
  for (const edge of edges.values()) await edge[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

function portOf(protocol: Protocol): number {
  return edges.get(protocol)?.port ?? assert.fail(protocol);
}

/** Asks each edge in its own protocol. */
async function askAll(asked: Asked): Promise<readonly Came[]> {
  return Promise.all(PROTOCOLS.map((protocol) => askBy(protocol, portOf(protocol), asked)));
}

/** What differs between plain and TLS and ought to: URLs that name the scheme. */
function ofOneScheme(body: Buffer): string {
  return body.toString('latin1').replaceAll('https://edge.example', 'http://edge.example');
}

function assertAlike([first, ...others]: readonly Came[], what: string): Came {
  assert.ok(first !== undefined);
  const { body: firstBody, fields: firstFields, ...firstRest } = first;
  for (const other of others) {
    const { body, fields, ...rest } = other;
    assert.deepEqual(rest, firstRest, what);
    const isWritten = fields.some((line) => line.includes('dash+xml'));
    // An MPD names its edge, and so its tag and its length go by the scheme.
    const tagless = (list: readonly string[]): readonly string[] =>
      isWritten ? list.filter((line) => !/^(?:etag|content-length)/.test(line)) : list;
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

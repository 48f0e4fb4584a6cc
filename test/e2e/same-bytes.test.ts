/** Two edges that share nothing answer with the same bytes under the same ETag: a viewer may change edge at any moment. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startFleet, type Fleet } from '../fleet/fleet.ts';
import { listSegments, parsePlaylist, read, readRenditions, readText, type Answer } from '../fleet/stream-reader.ts';

const LOOKS = 24;
const LOOK_EVERY_MS = 250;

suite('two edges', () => {
  let fleet: Fleet;
  let path: string;
  before(async () => {
    fleet = await startFleet();
    ({ path } = (await fleet.putOnAir('show')).viewer);
  });
  after(() => fleet?.[Symbol.asyncDispose]());

  test('playlists: one ETag, one content; and the edges agree most of the time', async (context) => {
    const paths = await playlistPaths(`${fleet.plan.edgeUrls[0]}${path}`);
    assert.ok(paths.length >= 8, `${paths.length} playlists`);
    const contents = new Map<string, { digest: string; edges: Set<string> }>();
    for (let look = 0; look < LOOKS; look += 1) {
      for (const playlist of paths) {
        const answers = await Promise.all(fleet.plan.edgeUrls.map((edge) => read(`${edge}${playlist}`)));
        for (const [index, answer] of answers.entries()) {
          assert.equal(answer.status, 200, playlist);
          const name = `${playlist} ${etagOf(answer)}`;
          const known = contents.get(name) ?? { digest: digestOf(answer), edges: new Set<string>() };
          assert.equal(digestOf(answer), known.digest, `two contents under ${name}`);
          known.edges.add(fleet.plan.edgeUrls[index] ?? '');
          contents.set(name, known);
        }
      }
      await delay(LOOK_EVERY_MS);
    }
    const shared = [...contents.values()].filter(({ edges }) => edges.size === 2).length;
    context.diagnostic(`${contents.size} versions of ${paths.length} playlists, ${shared} seen on both edges`);
    assert.ok(shared >= paths.length * 3, `only ${shared} of ${contents.size} versions were seen on both edges`);
  });

  test('media: the same bytes and the same ETag for every object of every playlist', async (context) => {
    const [first = '', second = ''] = fleet.plan.edgeUrls;
    const objects = new Set<string>();
    for (const playlist of await playlistPaths(`${first}${path}`)) {
      const url = new URL(`${first}${playlist}`);
      const text = await readText(url);
      for (const { url: segment, mapUrl } of listSegments(text, url)) {
        objects.add(segment.pathname);
        if (mapUrl !== undefined) objects.add(mapUrl.pathname);
      }
      for (const part of parsePlaylist(text).segments.flatMap(({ parts }) => parts ?? [])) {
        objects.add(new URL(part.uri, url).pathname);
      }
    }
    assert.ok(objects.size >= 20, `${objects.size} objects`);
    for (const object of objects) {
      const [ours, theirs] = await Promise.all([read(`${first}${object}`), read(`${second}${object}`)]);
      assert.equal(ours.status, 200, object);
      assert.equal(digestOf(theirs), digestOf(ours), object);
      assert.equal(etagOf(theirs), etagOf(ours), object);
      assert.match(ours.headers.get('cache-control') ?? '', /immutable/, object);
    }
    context.diagnostic(`${objects.size} objects`);
  });

  test('a whole segment is its parts, byte for byte', async () => {
    const base = `${fleet.plan.edgeUrls[1]}${path}`;
    const { variants } = await readRenditions(`${base}/master.m3u8`);
    const url = variants[0]?.url;
    assert.ok(url !== undefined);
    const manifest = parsePlaylist(await readText(url));
    const withParts = manifest.segments.filter(({ parts }) => (parts?.length ?? 0) > 1);
    assert.ok(withParts.length >= 1, 'the newest whole segments list their parts');
    for (const segment of withParts) {
      const whole = await read(new URL(segment.uri, url));
      const pieces: Answer[] = [];
      for (const part of segment.parts ?? []) pieces.push(await read(new URL(part.uri, url)));
      assert.deepEqual(Buffer.concat(pieces.map(({ body }) => body)), Buffer.from(whole.body), segment.uri);
    }
  });
});

/** All media playlists of all forms, as paths. Multivariant playlists name the viewer's own pathways and are not shared. */
async function playlistPaths(base: string): Promise<string[]> {
  const paths = new Set<string>();
  for (const form of ['master.m3u8', 'classic.m3u8', 'ts.m3u8']) {
    const { variants, audio } = await readRenditions(`${base}/${form}`);
    for (const { url } of variants) paths.add(url.pathname);
    if (audio !== null) paths.add(audio.pathname);
  }
  return [...paths];
}

function etagOf({ headers }: Answer): string {
  const etag = headers.get('etag');
  assert.ok(etag !== null && !etag.startsWith('W/'), `a strong ETag, not ${etag}`);
  return etag;
}

function digestOf({ body }: Answer): string {
  return createHash('sha256').update(body).digest('hex');
}

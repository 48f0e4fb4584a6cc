import assert from 'node:assert/strict';
import { afterEach, before, beforeEach, test } from 'node:test';
import type { FeedMessage } from '@headwater/protocol/feed';
import type { FeedState } from '@headwater/protocol/feed-state';
import { testRecord } from '@headwater/protocol/test-node';
import { type Answer, ask, feedOf, mint, startRig, until } from './edge-rig.ts';
import { FIRST_NUMBER, type MediaTrack, PARTS, makeMedia } from './fake-media.ts';
import { FakeOrigin } from './fake-origin.ts';
import { FaultyLink, type LinkState } from './faulty-link.ts';
import type { RunningEdge } from './start-edge.ts';

const EPOCH = 'epoch0000';
const ROOT = `/t/${mint('show')}/live/show`;
const MARK = 'hwpeer=1';
/** A player as we set it up gives up after 1.5 s. */
const PATIENCE_MS = 1_500;
const AT = FIRST_NUMBER + 1;

let media: readonly MediaTrack[];
let origin: FakeOrigin;
let link: FaultyLink;
let sick: RunningEdge;
let peer: RunningEdge;
let feed: FeedState;

before(() => {
  media = makeMedia(8);
});
beforeEach(async () => {
  origin = await FakeOrigin.start(media);
  origin.advance(2 * PARTS);
  link = await FaultyLink.to(origin.url);
  peer = await startRig(feedOf(origin.url), { id: 'edge-2' });
  feed = feedOf(link.url, [{ type: 'node', node: testRecord({ id: 'edge-2', url: peer.url }) }]);
  sick = await startRig(feed, { id: 'edge-1' });
});
afterEach(async () => {
  await sick[Symbol.asyncDispose]();
  await peer[Symbol.asyncDispose]();
  await link[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

/** As a player does: where it is sent on, it goes. */
async function follow(
  path: string,
  headers = {},
): Promise<Answer & { readonly tookMs: number; readonly from: string }> {
  const startMs = performance.now();
  const first = await ask(sick, path, { headers });
  const { location } = first.headers;
  if (first.status !== 302) return { ...first, tookMs: performance.now() - startMs, from: 'edge-1' };
  assert.ok(location !== undefined);
  assert.ok(location.startsWith(`${peer.url}${path}`), `${location} is the same path`);
  const answer = await ask(peer, location.slice(peer.url.length), { headers });
  return { ...answer, tookMs: performance.now() - startMs, from: 'edge-2' };
}

/** What a player that is in the middle of the stream asks for next, and one that comes. */
const WANTED = ['master.m3u8', 'manifest.mpd', 'v180/media.m3u8', 'v180/classic.m3u8', `v180/${EPOCH}/init.mp4`];
const OBJECTS = [`v180/${EPOCH}/${AT}.m4s`, `v180/${EPOCH}/${AT}.0.m4s`, `v180/${EPOCH}/${AT}.ts`];

for (const state of ['hangs', 'refuses', 'babbles'] satisfies LinkState[]) {
  test(`its line to the origin ${state}: all is had from a peer, in time, and comes whole`, async () => {
    assert.equal((await follow(`${ROOT}/v180/${EPOCH}/${AT - 1}.m4s`)).from, 'edge-1');
    await until(sick, /prefetches_total\{result="fetched"\} 1\n/);
    link.become(state);
    const held = await follow(`${ROOT}/v180/${EPOCH}/${AT}.m4s`);
    assert.equal(held.from, 'edge-1', 'what it has it serves');
    const growing = `v180/${EPOCH}/${AT + 1}.m4s`;
    origin.advance(PARTS - 1);
    const answers = [...WANTED, ...OBJECTS.slice(1)].map((name) => follow(`${ROOT}/${name}`));
    const grown = follow(`${ROOT}/${growing}`);
    for (const { status, tookMs } of await Promise.all(answers)) {
      assert.equal(status, 200);
      assert.ok(tookMs < PATIENCE_MS, `${tookMs} ms`);
    }
    origin.advance(1);
    assert.ok((await grown).body.equals(origin.bytesOf('v180', AT + 1)));
    const blocked = follow(`${ROOT}/v180/media.m3u8?_HLS_msn=${AT + 2}&_HLS_part=0`);
    origin.advance(1);
    assert.match((await blocked).text, new RegExp(`URI="${EPOCH}/${AT + 2}\\.0\\.m4s"`));
    await until(sick, /handed_over_total\{reason="origin-lost"\} [1-9]/);
    link.become('sound');
    await until(sick, /edge_streams 1\n/);
    for (;;) if ((await follow(`${ROOT}/v180/media.m3u8`)).from === 'edge-1') break;
  });
}

test('an answer that stands still is cut, so that whoever asks again is sent on', async () => {
  origin.advance(1);
  const path = `${ROOT}/v180/${EPOCH}/${AT + 1}.m4s`;
  const growing = ask(sick, path);
  while (origin.waiting < 2) await new Promise((resolve) => setImmediate(resolve));
  const startMs = performance.now();
  link.become('hangs');
  const { status, complete } = await growing;
  assert.deepEqual([status, complete], [200, false]);
  assert.ok(performance.now() - startMs < PATIENCE_MS);
  origin.advance(PARTS - 1);
  const again = await follow(path);
  assert.deepEqual([again.from, again.body.equals(origin.bytesOf('v180', AT + 1))], ['edge-2', true]);
});

test('what the origin does not bring in time is had from a peer, and is here for those who come next', async () => {
  await ask(sick, `${ROOT}/v180/classic.m3u8`);
  origin.fail(/v180.*895000000$/, 'hang');
  const { from, status, tookMs } = await follow(`${ROOT}/v180/${EPOCH}/${FIRST_NUMBER}.m4s`);
  assert.deepEqual([from, status], ['edge-2', 200]);
  assert.ok(tookMs < PATIENCE_MS, `${tookMs} ms`);
  await until(sick, /handed_over_total\{reason="deadline"\} 1\n/);
  assert.match((await ask({ port: sick.adminPort }, '/metrics')).text, /edge_fills 1\n/, 'the fill goes on');
});

test('an origin that answers nonsense, and an edge that has no room', async () => {
  await ask(sick, `${ROOT}/v180/classic.m3u8`);
  origin.fail(/v180.*895000000$/, 'error', 4);
  assert.equal((await follow(`${ROOT}/v180/${EPOCH}/${FIRST_NUMBER}.m4s`)).from, 'edge-2');
  await until(sick, /handed_over_total\{reason="failure"\} 1\n/);
  await using full = await startRig(feed, { id: 'edge-1', limits: { fillBytes: 65_536, prefetches: 0 } });
  const { status, headers } = await ask(full, `${ROOT}/v180/${EPOCH}/${AT}.m4s`);
  assert.deepEqual([status, headers.location], [302, `${peer.url}${ROOT}/v180/${EPOCH}/${AT}.m4s?${MARK}`]);
  await until(full, /handed_over_total\{reason="overload"\} 1\n/);
});

test('who was sent here by a peer is sent nowhere else: 429 for media, which no player takes for the last word', async () => {
  link.become('hangs');
  const answers = ['429 media_unavailable', '504 upstream_timeout'];
  const names = [`v180/${EPOCH}/${AT}.m4s?${MARK}`, `v180/classic.m3u8?a=1&${MARK}`];
  await using hasty = await startRig(feed, { id: 'edge-1', limits: { deadlineMs: 300 } });
  const found = await Promise.all(names.map((name) => ask(hasty, `${ROOT}/${name}`)));
  assert.deepEqual(
    found.map(({ status, code }) => `${status} ${code}`),
    answers,
  );
});

test('what is nowhere is 404 here, not a way to a peer', async () => {
  for (const name of [`v180/${EPOCH}/${AT + 9}.m4s`, `v999/${EPOCH}/${AT}.m4s`, `v180/otherepoch/${AT}.m4s`]) {
    assert.equal((await ask(sick, `${ROOT}/${name}`)).status, 404, name);
  }
  assert.equal((await ask(sick, `/t/bad/live/show/v180/${EPOCH}/${AT}.m4s`)).status, 403);
});

test('a draining edge has its media fetched from a peer, hits too, and its playlists from itself', async () => {
  const own = (draining: boolean): FeedMessage => ({ type: 'node', node: testRecord({ id: 'edge-1', draining }) });
  const path = `${ROOT}/v180/${EPOCH}/${AT}.m4s`;
  await ask(sick, path);
  feed.apply({ cursor: '2', snapshot: false, messages: [own(true)] });
  const { from, body } = await follow(`${path}?x=1`);
  assert.deepEqual([from, body.equals(origin.bytesOf('v180', AT))], ['edge-2', true]);
  assert.equal((await follow(`${ROOT}/v180/classic.m3u8`)).from, 'edge-1');
  assert.equal((await ask(sick, `${path}?${MARK}`)).status, 200, 'a peer that knows no better sent this viewer here');
  feed.apply({ cursor: '3', snapshot: false, messages: [own(false)] });
  assert.equal((await follow(path)).from, 'edge-1');
});

test('without a healthy peer it goes on as well as it can', async () => {
  const gone = testRecord({ id: 'edge-2', url: peer.url, healthy: false });
  feed.apply({ cursor: '2', snapshot: false, messages: [{ type: 'node', node: gone }] });
  await using alone = await startRig(feed, { id: 'edge-1', limits: { deadlineMs: 300 } });
  await ask(alone, `${ROOT}/v180/classic.m3u8`);
  link.become('hangs');
  assert.equal((await ask(alone, `${ROOT}/v180/${EPOCH}/${AT}.m4s`)).status, 429);
  assert.equal((await ask(alone, `${ROOT}/v180/classic.m3u8`)).status, 200);
});

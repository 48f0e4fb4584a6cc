import assert from 'node:assert/strict';
import { afterEach, before, beforeEach, test } from 'node:test';
import { ask, feedOf, mint, startRig, until } from './edge-rig.ts';
import { FIRST_NUMBER, type MediaTrack, PARTS, makeMedia } from './fake-media.ts';
import { FakeOrigin } from './fake-origin.ts';
import type { RunningEdge } from './start-edge.ts';

const EPOCH = 'epoch0000';
const ROOT = `/t/${mint('show')}/live/show`;
/** Of the first requests for each segment, those that must find it here. */
const HIT_SHARE = 0.95;
const SEGMENTS = 44;
/** What the origin has when the first viewer comes. */
const WINDOW = 4;
/** How far a segment has come when it is looked at, in parts. */
const STEPS = [PARTS - 1, 1];

let media: readonly MediaTrack[];
let origin: FakeOrigin;
let edge: RunningEdge;

before(() => {
  media = makeMedia(SEGMENTS + WINDOW + 2);
});
beforeEach(async () => {
  origin = await FakeOrigin.start(media, 8);
  edge = await startRig(feedOf(origin.url));
});
afterEach(async () => {
  await edge[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

interface Seat {
  readonly track: string;
  readonly flavour: 'classic' | 'ts';
  /** the newest segment that the playlist names, or one that is older by so many */
  readonly behind: number;
}

/** A viewer that reads its playlist, and asks for each segment as soon as it is named there, or so many later. */
async function watch({ track, flavour, behind }: Seat, pass: () => Promise<void>): Promise<string[]> {
  const statuses: string[] = [];
  const first = FIRST_NUMBER + WINDOW - 1;
  for (let newest = first; newest < first + SEGMENTS; newest += 1) {
    const uri = (number: number): string => `${EPOCH}/${number}.${flavour === 'ts' ? 'ts' : 'm4s'}`;
    while (!(await ask(edge, `${ROOT}/${track}/${flavour}.m3u8`)).text.includes(`\n${uri(newest)}\n`));
    const answer = await ask(edge, `${ROOT}/${track}/${uri(newest - behind)}`);
    assert.equal(answer.status, 200);
    if (flavour === 'classic') assert.ok(answer.body.equals(origin.bytesOf(track, newest - behind)));
    statuses.push(String(answer.headers['cache-status']).replace('"edge-1"; ', ''));
    await pass();
  }
  return statuses;
}

/** One more segment, in steps; at each the edge has asked for what it wants, and waits for it with so many requests. */
async function passSegment(held: number): Promise<void> {
  for (const parts of STEPS) {
    while (origin.waiting < held) await new Promise((resolve) => setImmediate(resolve));
    origin.advance(parts);
  }
}

/** `held`: the timeline, and the next part of what goes into the next segment where that is growing. */
const SEATS = [
  { track: 'v180', flavour: 'classic', behind: 0, held: 2 },
  { track: 'a0', flavour: 'classic', behind: 0, held: 2 },
  { track: 'v180', flavour: 'ts', behind: 0, held: 3 },
  { track: 'v180', flavour: 'classic', behind: 2, held: 1 },
] as const;

for (const { held, ...seat } of SEATS) {
  test(`${JSON.stringify(seat)}: a lone viewer finds nearly every segment here`, async (context) => {
    origin.advance(WINDOW * PARTS);
    const statuses = await watch(seat, () => passSegment(held));
    const hits = statuses.filter((status) => status === 'hit').length;
    context.diagnostic(
      `${hits} of ${statuses.length} first requests were hits; others: ${statuses.filter((one) => one !== 'hit').join(' | ')}`,
    );
    assert.ok(hits / statuses.length >= HIT_SHARE);
    assert.match(statuses[0] ?? '', /^fwd=uri-miss/, 'nobody had asked before the first');
  });
}

test('nobody watches, nothing is fetched: one segment ahead of what was asked for, of its track alone, and no more', async () => {
  origin.advance(WINDOW * PARTS);
  const at = FIRST_NUMBER + WINDOW - 1;
  await ask(edge, `${ROOT}/v180/${EPOCH}/${at}.m4s`);
  for (let segment = 0; segment < 3; segment += 1) {
    // The edge follows the timeline; what it asks for besides is the part that comes next of what it brings ahead.
    await passSegment(segment === 0 ? 2 : 1);
  }
  await until(edge, /headwater_edge_prefetches_total\{result="fetched"\} 1\n/);
  const fetched = [...origin.fetched.keys()];
  const ahead = Array.from({ length: PARTS }, (_, part) => `/cmaf/show/v180/${EPOCH}/${at + 1}.${part}`);
  assert.deepEqual(fetched, [`/cmaf/show/v180/${EPOCH}/${at}`, ...ahead]);
  const { headers, body } = await ask(edge, `${ROOT}/v180/${EPOCH}/${at + 1}.m4s`);
  assert.deepEqual([headers['cache-status'], body.equals(origin.bytesOf('v180', at + 1))], ['"edge-1"; hit', true]);
});

test('who asks for a segment while it grows finds what there is of it here', async () => {
  origin.advance(WINDOW * PARTS);
  const at = FIRST_NUMBER + WINDOW;
  await ask(edge, `${ROOT}/v180/${EPOCH}/${at - 1}.m4s`);
  while (origin.waiting < 2) await new Promise((resolve) => setImmediate(resolve));
  origin.advance(2);
  while (origin.waiting < 2) await new Promise((resolve) => setImmediate(resolve));
  const grown = ask(edge, `${ROOT}/v180/${EPOCH}/${at}.m4s`);
  origin.advance(PARTS - 2);
  const { headers, body } = await grown;
  assert.equal(headers['cache-status'], '"edge-1"; fwd=uri-miss; collapsed');
  assert.ok(body.equals(origin.bytesOf('v180', at)));
  assert.deepEqual(
    [...origin.fetched.values()].filter((times) => times !== 1),
    [],
    'each part was fetched once',
  );
});

test('a stream that ends is fetched no further', async () => {
  origin.advance(WINDOW * PARTS);
  origin.end();
  await ask(edge, `${ROOT}/v180/${EPOCH}/${FIRST_NUMBER + WINDOW - 1}.m4s`);
  await until(edge, /headwater_edge_prefetches_total\{result="failed"\} 1\n/);
  assert.deepEqual([...origin.fetched.keys()], [`/cmaf/show/v180/${EPOCH}/${FIRST_NUMBER + WINDOW - 1}`]);
});

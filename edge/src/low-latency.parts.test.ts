import assert from 'node:assert/strict';
import { afterEach, before, beforeEach, test } from 'node:test';
import { ManualClock } from '@headwater/service/clock';
import { ask, feedOf, mint, startRig } from './edge-rig.ts';
import { FIRST_NUMBER, type MediaTrack, PARTS, makeMedia } from './fake-media.ts';
import { FakeOrigin } from './fake-origin.ts';
import type { RunningEdge } from './start-edge.ts';

const EPOCH = 'epoch0000';
const ROOT = `/t/${mint('show')}/live/show`;
const MEDIA = `${ROOT}/v180/media.m3u8`;
let media: readonly MediaTrack[];
let origin: FakeOrigin;
let edge: RunningEdge;

before(() => {
  media = makeMedia(8);
});
beforeEach(async () => {
  origin = await FakeOrigin.start(media);
  origin.advance(PARTS + 2);
  edge = await startRig(feedOf(origin.url));
});
afterEach(async () => {
  await edge[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

/** Waits until so many requests wait at the origin: the edge has asked for all that it wants. */
async function originHolds(count: number): Promise<void> {
  while (origin.waiting < count) await new Promise((resolve) => setImmediate(resolve));
}

test('directives that make no sense are 400; those that nobody knows are ignored', async () => {
  const at = FIRST_NUMBER + 1;
  const table = [
    ['_HLS_part=1', 400, 'hls_part_without_msn'],
    [`_HLS_msn=${at + 3}`, 400, 'hls_msn_too_far'],
    [`_HLS_msn=${at + 3}&_HLS_part=0`, 400, 'hls_msn_too_far'],
    [`_HLS_msn=${at}&_HLS_part=10`, 400, 'hls_part_too_far'],
    [`_HLS_msn=${at + 1}&_HLS_part=8`, 400, 'hls_part_too_far'],
    [`_HLS_msn=${at + 2}&_HLS_part=999999999999999`, 400, 'hls_part_too_far'],
    [`_HLS_msn=${at - 1}&_HLS_part=99`, 200, undefined],
    ['_HLS_msn=x', 400, 'bad_field'],
    [`_HLS_msn=${at}&_HLS_part=-1`, 400, 'bad_field'],
    ['_HLS_msn=', 400, 'bad_field'],
    ['from=yesterday', 400, 'bad_field'],
    [`_HLS_msn=${at}&_HLS_part=1`, 200, undefined],
    [`_HLS_msn=${at - 1}`, 200, undefined],
    ['_HLS_msn=0', 200, undefined],
    ['_HLS_newest=1&_HLS_throughput=9&CMCD=br%3D1', 200, undefined],
  ] as const;
  for (const [query, status, code] of table) {
    const answer = await ask(edge, `${MEDIA}?${query}`);
    assert.deepEqual([answer.status, answer.code], [status, code], query);
  }
  const classic = await ask(edge, `${ROOT}/v180/classic.m3u8?_HLS_msn=${at + 9}`);
  assert.deepEqual(
    [classic.status, classic.headers['cache-control']],
    [200, 'private, max-age=1'],
    'not offered, so ignored',
  );
});

test('a playlist request blocks until its part is there, and is released by the part itself', async () => {
  const at = FIRST_NUMBER + 1;
  await ask(edge, MEDIA);
  await originHolds(2);
  origin.holdsTimelines = true;
  const blocked = ask(edge, `${MEDIA}?_HLS_msn=${at}&_HLS_part=2`);
  origin.advance(1);
  const answer = await blocked;
  assert.match(
    answer.text,
    new RegExp(`URI="${EPOCH}/${at}\\.2\\.m4s"\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${EPOCH}/${at}\\.3`),
  );
  assert.equal(answer.headers['cache-control'], 'private, max-age=12');
  const part = await ask(edge, `${ROOT}/v180/${EPOCH}/${at}.2.m4s`);
  assert.match(String(part.headers['cache-status']), /; hit$/, 'it had been fetched ahead');
  assert.ok(part.body.equals(origin.bytesOf('v180', at, 2)));
});

test('a part beyond the last is part 0 of the next; without a part the whole segment is meant', async () => {
  const at = FIRST_NUMBER + 1;
  await ask(edge, MEDIA);
  const beyond = ask(edge, `${MEDIA}?_HLS_msn=${at}&_HLS_part=${PARTS}`);
  const whole = ask(edge, `${MEDIA}?_HLS_msn=${at}`);
  origin.advance(PARTS - 2);
  assert.match(
    (await whole).text,
    new RegExp(`${at}\\.m4s\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${EPOCH}/${at + 1}\\.0`),
  );
  origin.advance(1);
  assert.match((await beyond).text, new RegExp(`${at + 1}\\.0\\.m4s",INDEPENDENT=YES\n#EXT-X-PRELOAD-HINT`));
});

test('a preload-hinted part blocks and comes whole; one fetch serves all who wait', async () => {
  const at = FIRST_NUMBER + 1;
  const waiting = Array.from({ length: 20 }, () => ask(edge, `${ROOT}/a0/${EPOCH}/${at}.2.m4s`));
  await originHolds(2);
  origin.advance(1);
  for (const answer of await Promise.all(waiting)) {
    assert.equal(answer.headers['content-length'], String(answer.body.length));
    assert.ok(answer.body.equals(origin.bytesOf('a0', at, 2)));
  }
  assert.equal(origin.fetched.get(`/cmaf/show/a0/${EPOCH}/${at}.2`), 1);
});

test('up to two segments ahead the origin is asked; beyond that the edge knows', async () => {
  const at = FIRST_NUMBER + 1;
  const next = ask(edge, `${ROOT}/v180/${EPOCH}/${at + 2}.0.m4s`);
  await originHolds(2);
  assert.deepEqual(await codeOf(`v180/${EPOCH}/${at + 3}.0.m4s`), 'too_early');
  assert.deepEqual(await codeOf(`v180/${EPOCH}/${at + 3}.m4s`), 'too_early');
  assert.deepEqual(await codeOf(`v180/${EPOCH}/${at - 5}.m4s`), 'segment_not_found');
  assert.deepEqual(await codeOf(`v180/otherepoch/${at - 1}.m4s`), 'segment_not_found');
  origin.advance(2 * PARTS - 1);
  assert.ok((await next).body.equals(origin.bytesOf('v180', at + 2, 0)));
  assert.deepEqual(await codeOf(`v180/${EPOCH}/${at}.${PARTS}.m4s`), 'segment_not_found');
});

test('names that a viewer makes up cost the origin little, and other viewers nothing', async () => {
  const at = FIRST_NUMBER + 1;
  await ask(edge, MEDIA);
  await originHolds(2);
  const made = Array.from({ length: 300 }, (_, index) => `v180/${EPOCH}/${at + 2}.${index + PARTS + 2}.m4s`);
  made.push(...Array.from({ length: 20 }, (_, index) => `v180/epoch1${index}00/${at + 1}.0.m4s`));
  made.push(...Array.from({ length: 20 }, (_, index) => `v180/epoch1${index}00/init.mp4`));
  const tracks = Array.from({ length: 20 }, (_, index) => ask(edge, `${ROOT}/x${index}/media.m3u8`));
  const refused = Promise.all(made.map((path) => ask(edge, `${ROOT}/${path}`)));
  for (const { code } of await Promise.all(tracks)) assert.equal(code, 'track_not_found');
  for (const { code } of await refused) assert.equal(code, 'segment_not_found');
  assert.equal(origin.waiting, 2);
  assert.deepEqual([...origin.fetched.keys()], [`/cmaf/show/v180/${EPOCH}/${at}.2`]);
  const metrics = (await ask({ port: edge.adminPort }, '/metrics')).text;
  assert.match(metrics, /headwater_edge_tracks_followed 1\n/);
});

test('an object under an epoch that this edge has not heard of yet waits for the news', async () => {
  await ask(edge, MEDIA);
  await originHolds(2);
  origin.holdsTimelines = true;
  origin.advance(PARTS - 2);
  origin.openEpoch('epoch0001');
  origin.advance(1);
  const part = ask(edge, `${ROOT}/a0/epoch0001/${FIRST_NUMBER + 2}.0.m4s`);
  const init = ask(edge, `${ROOT}/a0/epoch0001/init.mp4`);
  while ((await ask({ port: edge.adminPort }, '/metrics')).text.match(/edge_waiting (\d+)/)?.[1] !== '2');
  assert.equal(origin.fetched.get(`/cmaf/show/a0/epoch0001/${FIRST_NUMBER + 2}.0`), undefined);
  origin.holdsTimelines = false;
  origin.advance(1);
  assert.deepEqual([(await part).status, (await init).status], [200, 200]);
});

test('a growing segment is sent as its parts come, and kept whole', async () => {
  const at = FIRST_NUMBER + 1;
  const growing = ask(edge, `${ROOT}/v180/${EPOCH}/${at}.m4s`);
  const other = ask(edge, `${ROOT}/v180/${EPOCH}/${at}.m4s`);
  for (let part = 2; part < PARTS; part += 1) {
    await originHolds(2);
    origin.advance(1);
  }
  for (const answer of [await growing, await other]) {
    assert.equal(answer.headers['transfer-encoding'], 'chunked');
    assert.ok(answer.complete && answer.body.equals(origin.bytesOf('v180', at)));
  }
  const again = await ask(edge, `${ROOT}/v180/${EPOCH}/${at}.m4s`);
  assert.match(String(again.headers['cache-status']), /; hit$/);
  assert.ok(again.body.equals(origin.bytesOf('v180', at)));
  assert.equal(origin.fetched.get(`/cmaf/show/v180/${EPOCH}/${at}`), undefined, 'the parts were enough');
});

test('a blocked request ends with 503 when nothing comes', async () => {
  const at = FIRST_NUMBER + 1;
  const started = Date.now();
  const answer = await ask(edge, `${MEDIA}?_HLS_msn=${at + 1}`);
  assert.deepEqual([answer.status, answer.code], [503, 'blocked_too_long']);
  assert.ok(Date.now() - started < 8_000);
});

test('a token that ends or is revoked while its request waits buys nothing any more', async () => {
  const at = FIRST_NUMBER + 1;
  const nowMs = Date.now();
  const clock = new ManualClock(nowMs);
  const feed = feedOf(origin.url);
  await using guarded = await startRig(feed, { id: 'edge-2', clock });
  const short = `/t/${mint('show', { session: 'short', expiresS: Math.floor(nowMs / 1000) + 60 })}/live/show`;
  const gone = `/t/${mint('show', { session: 'gone' })}/live/show`;
  const wanted = [
    `v180/media.m3u8?_HLS_msn=${at}&_HLS_part=2`,
    `a0/${EPOCH}/${at}.2.m4s`,
    `v180/${EPOCH}/${at + 1}.m4s`,
  ];
  const waiting = [short, gone, ROOT].map((root) => wanted.map((path) => ask(guarded, `${root}/${path}`)));
  while ((await ask({ port: guarded.adminPort }, '/metrics')).text.match(/edge_waiting (\d+)/)?.[1] !== '9');
  clock.advance(60_000);
  feed.apply({ cursor: '2', snapshot: false, messages: [{ type: 'revocation', session: 'gone', atMs: nowMs }] });
  origin.advance(2 * PARTS - 2);
  const codes = await Promise.all(waiting.map((some) => Promise.all(some.map(async (one) => (await one).code))));
  assert.deepEqual(codes, [
    ['token_expired', 'token_expired', 'token_expired'],
    ['token_revoked', 'token_revoked', 'token_revoked'],
    [undefined, undefined, undefined],
  ]);
});

test('a token that is revoked before its stream is known buys no manifest of it', async () => {
  origin.holdsTimelines = true;
  const feed = feedOf(origin.url);
  await using guarded = await startRig(feed, { id: 'edge-2' });
  const paths = ['master.m3u8', 'manifest.mpd', 'v180/classic.m3u8'];
  const waiting = paths.map((path) => ask(guarded, `${ROOT}/${path}`));
  while ((await ask({ port: guarded.adminPort }, '/metrics')).text.match(/edge_waiting (\d+)/)?.[1] !== '3');
  const revocation = { type: 'revocation', session: 's1', atMs: Date.now() } as const;
  feed.apply({ cursor: '2', snapshot: false, messages: [revocation] });
  origin.holdsTimelines = false;
  origin.advance(1);
  for (const { code } of await Promise.all(waiting)) assert.equal(code, 'token_revoked');
});

test('a stream that ended is answered at once, without a hint', async () => {
  await ask(edge, MEDIA);
  origin.advance(PARTS - 2);
  origin.end();
  const answer = await ask(edge, `${MEDIA}?_HLS_msn=${FIRST_NUMBER + 2}&_HLS_part=0`);
  assert.match(answer.text, /#EXT-X-ENDLIST\n$/);
  assert.doesNotMatch(answer.text, /PRELOAD-HINT/);
});

test('whether the news came by parts or by timeline, the bytes are the same', async () => {
  const at = FIRST_NUMBER + 1;
  await using late = await startRig(feedOf(origin.url), { id: 'edge-2' });
  await ask(edge, MEDIA);
  for (let cell = 2; cell < 4 * PARTS + 1; cell += 1) {
    await originHolds(2);
    const number = at + Math.floor(cell / PARTS);
    const blocked = ask(edge, `${MEDIA}?_HLS_msn=${number}&_HLS_part=${cell % PARTS}`);
    origin.advance(1);
    assert.equal((await blocked).status, 200);
    if (cell % 5 !== 0) continue;
    const path = `${ROOT}/v180/media.m3u8?_HLS_msn=${number}&_HLS_part=${cell % PARTS}`;
    const [one, two] = [await ask(edge, path), await ask(late, path)];
    assert.equal(two.text, one.text);
    assert.equal(two.headers.etag, one.headers.etag);
  }
});

test('MPEG-TS waits for sound that this edge has not heard of yet', async () => {
  const at = FIRST_NUMBER + 2;
  await ask(edge, MEDIA);
  await originHolds(2);
  origin.holdsTimelines = true;
  for (let cell = 2; cell < 2 * PARTS; cell += 1) {
    origin.advance(1);
    await originHolds(2);
  }
  const early = await ask(edge, `${ROOT}/v180/${EPOCH}/${at}.ts`);
  origin.holdsTimelines = false;
  origin.advance(1);
  await using late = await startRig(feedOf(origin.url), { id: 'edge-2' });
  const whole = await ask(late, `${ROOT}/v180/${EPOCH}/${at}.ts`);
  assert.ok(
    early.status === 200 && early.body.equals(whole.body),
    `${early.body.length} of ${whole.body.length} bytes`,
  );
});

test('MPEG-TS waits for the sound of the first segment as for its picture', async () => {
  origin.lag('a0', 3);
  const listed = ask(edge, `${ROOT}/v180/ts.m3u8`);
  await originHolds(1);
  origin.lag('a0', 0);
  assert.match((await listed).text, new RegExp(`#EXTINF:2\\.00000,\n${EPOCH}/${FIRST_NUMBER}\\.ts\n$`));
});

test('MPEG-TS of sound that lags by more than anybody waits for is too early, not silent', async () => {
  origin.lag('a0', 3 * PARTS);
  origin.advance(4 * PARTS - 2);
  const segment = `v180/${EPOCH}/${FIRST_NUMBER + 4}.ts`;
  const listed = await ask(edge, `${ROOT}/v180/ts.m3u8`);
  assert.match(listed.text, new RegExp(`${EPOCH}/${FIRST_NUMBER + 1}\\.ts\n$`));
  assert.equal(await codeOf(segment), 'too_early');
  origin.lag('a0', 0);
  await using late = await startRig(feedOf(origin.url), { id: 'edge-2' });
  const whole = await ask(late, `${ROOT}/${segment}`);
  await heard(FIRST_NUMBER + 4);
  assert.ok((await ask(edge, `${ROOT}/${segment}`)).body.equals(whole.body));
});

test('MPEG-TS of a stream that ended is without the sound that never came, and names it all the same', async () => {
  origin.lag('a0', PARTS);
  origin.advance(PARTS - 2);
  origin.end();
  const listed = await ask(edge, `${ROOT}/v180/ts.m3u8`);
  assert.match(listed.text, new RegExp(`${EPOCH}/${FIRST_NUMBER + 1}\\.ts\n#EXT-X-ENDLIST\n$`));
  const silent = await ask(edge, `${ROOT}/v180/${EPOCH}/${FIRST_NUMBER + 1}.ts`);
  const before = await ask(edge, `${ROOT}/v180/${EPOCH}/${FIRST_NUMBER}.ts`);
  assert.deepEqual([hasSound(before.body), hasSound(silent.body)], [true, false]);
  // A segment begins with its two tables, a packet each; ISO/IEC 13818-1 §2.4.4.9: another map would be another version.
  assert.ok(silent.body.subarray(0, 376).equals(before.body.subarray(0, 376)));
});

test('a delta update leaves out what lies behind the skip boundary', async () => {
  await edge[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
  origin = await FakeOrigin.start(media, 8);
  origin.advance(8 * PARTS - 3);
  edge = await startRig(feedOf(origin.url));
  assert.doesNotMatch((await ask(edge, MEDIA)).text, /EXT-X-SKIP/);
  assert.match((await ask(edge, `${MEDIA}?_HLS_skip=YES`)).text, /#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n/);
});

test('time shift: nothing before that moment is shown', async () => {
  origin.advance(2 * PARTS);
  const from = (FIRST_NUMBER + 2) * 2 + 1.5;
  const master = await ask(edge, `${ROOT}/master.m3u8?from=${from}`);
  assert.match(master.text, new RegExp(`\nv180/media\\.m3u8\\?from=${from}\n`));
  const shifted = await ask(edge, `${ROOT}/v180/classic.m3u8?from=${from}`);
  assert.match(shifted.text, new RegExp(`#EXT-X-MEDIA-SEQUENCE:${FIRST_NUMBER + 2}\n`));
  assert.match(shifted.text, /#EXT-X-START:TIME-OFFSET=1\.500,PRECISE=YES\n/);
  assert.equal((await ask(edge, `${ROOT}/v180/classic.m3u8?from=99999999999`)).status, 200);
});

test('time shift: what a multivariant playlist names is a moment that may be asked for', async () => {
  for (const from of [`${FIRST_NUMBER * 2}.0056`, '0.000001', '999999999999.999999']) {
    const master = await ask(edge, `${ROOT}/classic.m3u8?from=${from}`);
    const [uri] = /^v180.*$/m.exec(master.text) ?? [];
    assert.equal((await ask(edge, `${ROOT}/${uri}`)).status, 200, uri);
  }
});

/** Waits until the edge has heard that sound is whole up to a number. */
async function heard(number: number): Promise<void> {
  while (!(await ask(edge, `${ROOT}/a0/classic.m3u8`)).text.includes(`/${number}.m4s`));
}

function hasSound(ts: Buffer): boolean {
  const packets = Array.from({ length: ts.length / 188 }, (_, index) => ts.readUInt16BE(index * 188 + 1) & 0x1fff);
  return packets.includes(0x101);
}

async function codeOf(path: string): Promise<string | undefined> {
  const answer = await ask(edge, `${ROOT}/${path}`);
  assert.equal(answer.status, 404);
  return answer.code;
}

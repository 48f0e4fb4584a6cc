import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ladder } from '@headwater/protocol/feed';
import { Metrics } from '@headwater/service/metrics';
import { Broadcast } from './broadcast.ts';
import { createEvents } from './events.ts';
import { Desk, type Authorisation } from './publish.ts';
import { FastClock } from './test-publisher.ts';

interface Rig {
  readonly desk: Desk;
  readonly released: string[];
  readonly request: (stream: string) => { stream: string; key: string; remoteAddress: string };
}

function makeDesk(
  maxStreams: number,
  decide: () => Promise<Authorisation>,
  hasRoom: (ladder: Ladder | null) => boolean = () => true,
): Rig {
  const released: string[] = [];
  const events = createEvents(() => undefined, new Metrics());
  const desk = new Desk({
    authorise: decide,
    release: async (stream) => void released.push(stream),
    maxStreams,
    hasRoom: (ladder) => hasRoom(ladder),
    replaceAfterMs: 3_000,
    events,
    start: (name) =>
      new Broadcast({
        name,
        ladder: null,
        segmentDurationMs: 2_000,
        graceMs: 30_000,
        cores: 1,
        ffmpegPath: 'ffmpeg',
        socketFolder: '/nowhere',
        clock: new FastClock(),
        random: () => 0,
        events,
        target: () => assert.fail('nothing was published'),
      }),
  });
  return { desk, released, request: (stream) => ({ stream, key: 'k', remoteAddress: '127.0.0.1' }) };
}

const granted = async (): Promise<Authorisation> => ({ ok: true, ladder: null, lastOrdinal: -1 });

test('one stream more than the limit is refused, and none that is on air', async () => {
  const { desk, released, request } = makeDesk(2, granted);
  const first = await desk.open(request('a'));
  assert.equal((await desk.open(request('b'))).ok, true);
  assert.deepEqual(await desk.open(request('c')), { ok: false, code: 'too_many_streams' });
  // Another origin may have room for it.
  assert.deepEqual(released, ['c']);
  assert.ok(first.ok);
  first.sink.close('gone');
  assert.equal((await desk.open(request('a'))).ok, true);
  await desk[Symbol.asyncDispose]();
});

test('without room for its ladder a new stream is refused, one on air comes back', async () => {
  const ladder = { rungs: [{ height: 180, bitsPerSecond: 1_000 }], audioBitsPerSecond: 1_000 };
  const asked: (Ladder | null)[] = [];
  const { desk, request } = makeDesk(
    9,
    async () => ({ ok: true, ladder, lastOrdinal: -1 }),
    (wanted) => asked.push(wanted) === 1,
  );
  const first = await desk.open(request('a'));
  assert.deepEqual(await desk.open(request('b')), { ok: false, code: 'live_memory_full' });
  assert.ok(first.ok);
  first.sink.close('gone');
  assert.equal((await desk.open(request('a'))).ok, true);
  assert.deepEqual(asked, [ladder, ladder]);
  await desk[Symbol.asyncDispose]();
});

test('of two at the same moment one is heard', async () => {
  const { desk, released, request } = makeDesk(2, granted);
  const decisions = await Promise.all([desk.open(request('a')), desk.open(request('a'))]);
  assert.deepEqual(
    decisions.map(({ ok }) => ok),
    [true, false],
  );
  assert.deepEqual(released, [], 'the claim is the other one’s');
  await desk[Symbol.asyncDispose]();
});

test('a wrong key that is still judged stands in nobody’s way', async () => {
  const wrong = Promise.withResolvers<Authorisation>();
  let first = true;
  const { desk, request } = makeDesk(2, async () => {
    if (!first) return granted();
    first = false;
    return wrong.promise;
  });
  const attacker = desk.open(request('a'));
  assert.equal((await desk.open(request('a'))).ok, true);
  wrong.resolve({ ok: false, code: 'publish_denied' });
  assert.deepEqual(await attacker, { ok: false, code: 'publish_denied' });
  await desk[Symbol.asyncDispose]();
});

test('a publisher that comes back while its stream is going off air is told to come again', async () => {
  const { desk, request } = makeDesk(2, granted);
  assert.equal((await desk.open(request('a'))).ok, true);
  const ending = [...desk.broadcasts.values()].map(({ broadcast }) => broadcast.end('over'));
  assert.deepEqual(await desk.open(request('a')), { ok: false, code: 'not_ready' });
  await Promise.all(ending);
  await desk[Symbol.asyncDispose]();
});

test('what may not go on is ended, whether its publisher is there or awaited, and nothing else', async () => {
  const { desk, request, released } = makeDesk(3, granted);
  const [gone, stays, awaited] = await Promise.all(['a', 'b', 'c'].map((name) => desk.open(request(name))));
  assert.ok(gone?.ok === true && stays?.ok === true && awaited?.ok === true);
  awaited.sink.close('gone');
  desk.judge(({ stream, key }) => stream === 'b' && key === 'k');
  assert.match((await gone.sink.closed).reason, /deleted/);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(released, ['a', 'c']);
  assert.deepEqual([...desk.broadcasts.keys()], ['b']);
  await desk[Symbol.asyncDispose]();
});

test('a refusal is passed on, and the stream stays free', async () => {
  let code: 'publish_denied' | null = 'publish_denied';
  const { desk, request } = makeDesk(1, async () => (code === null ? granted() : { ok: false, code }));
  assert.deepEqual(await desk.open(request('a')), { ok: false, code: 'publish_denied' });
  assert.equal(desk.broadcasts.size, 0);
  code = null;
  assert.equal((await desk.open(request('a'))).ok, true);
  await desk[Symbol.asyncDispose]();
});

test('the end of the origin ends every publisher, gives every claim back and admits nobody', async () => {
  const { desk, request, released } = makeDesk(2, granted);
  const decisions = await Promise.all([desk.open(request('a')), desk.open(request('b'))]);
  await desk[Symbol.asyncDispose]();
  for (const decision of decisions) {
    assert.ok(decision.ok);
    assert.deepEqual(await decision.sink.closed, { reason: 'the origin stops' });
  }
  assert.deepEqual(released.sort(), ['a', 'b']);
  assert.deepEqual(await desk.open(request('a')), { ok: false, code: 'not_ready' });
});

const video = (...bytes: number[]) => ({ kind: 'video', timestampMs: 0, payload: Uint8Array.from(bytes) }) as const;
const fourCc = (text: string): number[] => [...Buffer.from(text)];
const refused: [name: string, body: number[], code: string, reason: RegExp][] = [
  ['HEVC', [0x90, ...fourCc('hvc1'), 1, 2, 3], 'codec_unsupported', /codec hvc1/],
  ['HEVC by its unofficial number', [0x1c, 0, 0, 0, 0, 1], 'codec_unsupported', /codec 12/],
  ['H.264 by Enhanced RTMP', [0x90, ...fourCc('avc1'), 1, 0x64, 0, 31], 'codec_unsupported', /codec avc1/],
  ['Sorenson', [0x12, 1, 2, 3, 4, 5], 'codec_unsupported', /codec 2/],
  ['a header of garbage', [0x17, 0, 0, 0, 0, 9, 9], 'media_malformed', /./],
  ['half a header', [0x17, 0], 'media_malformed', /too short/],
];
for (const [name, body, code, reason] of refused) {
  test(`${name} ends the publish with a code, and the stream stays for a better one`, async () => {
    const { desk, request } = makeDesk(1, granted);
    const decision = await desk.open(request('a'));
    assert.ok(decision.ok);
    // A command to the player is no reason.
    for (const command of [video(0x57, 0), video(0xd4, ...fourCc('hvc1'), 0)]) decision.sink.write(command);
    decision.sink.write(video(...body));
    const end = await decision.sink.closed;
    assert.equal(end.refusal, code);
    assert.match(end.reason, reason);
    assert.equal((await desk.open(request('a'))).ok, true);
    await desk[Symbol.asyncDispose]();
  });
}

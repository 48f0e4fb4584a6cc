import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import type { FeedState } from '@headwater/protocol/feed-state';
import { NODE_PASS } from '@headwater/protocol/headers';
import type { NodeRecord } from '@headwater/protocol/node';
import { mintNodePass } from '@headwater/protocol/node-pass';
import { testRecord } from '@headwater/protocol/test-node';
import { FOREIGN_KEYS, KEYS, ask, feedOf, mint, startRig } from './edge-rig.ts';
import { FIRST_NUMBER, type MediaTrack, PARTS, makeMedia } from './fake-media.ts';
import { FakeOrigin } from './fake-origin.ts';
import type { RunningEdge } from './start-edge.ts';
import { type TcpFront, startTcpFront } from './tcp-front.ts';
import { rank } from './upstream/rendezvous.ts';

const EPOCH = 'epoch0000';
const ROOT = `/t/${mint('show')}/live/show`;
const MEDIA = `${ROOT}/v180/media.m3u8`;
let media: readonly MediaTrack[];

before(() => {
  media = makeMedia(8);
});

interface Rig extends AsyncDisposable {
  readonly origin: FakeOrigin;
  readonly feed: FeedState;
  readonly parents: readonly RunningEdge[];
  readonly children: readonly RunningEdge[];
  /** the doors of the parents, the stream's own first */
  readonly fronts: readonly TcpFront[];
}

async function startShield({ parents = 2, children = 1, peers = [] as readonly NodeRecord[] } = {}): Promise<Rig> {
  const origin = await FakeOrigin.start(media);
  origin.advance(PARTS + 2);
  const feed = feedOf(
    origin.url,
    peers.map((node) => ({ type: 'node', node })),
  );
  const all = (count: number, name: string, more: { readonly parents?: readonly string[] } = {}) =>
    Promise.all(Array.from({ length: count }, (_, nth) => startRig(feed, { id: `${name}-${nth}`, ...more })));
  const above = await all(parents, 'shield');
  const fronts = await Promise.all(above.map(({ port }) => startTcpFront(port)));
  const below = await all(children, 'edge', { parents: fronts.map(({ url }) => url) });
  const ranked = rank(
    'live/show',
    fronts.map(({ url }) => ({ url, weight: 1 })),
  );
  return {
    origin,
    feed,
    parents: above,
    children: below,
    fronts: ranked.map(({ url }) => fronts.find((front) => front.url === url) as TcpFront),
    async [Symbol.asyncDispose]() {
      await Promise.all([...below, ...above].map((edge) => edge[Symbol.asyncDispose]()));
      await Promise.all(fronts.map((front) => front[Symbol.asyncDispose]()));
      await origin[Symbol.asyncDispose]();
    },
  };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

suite('one fetch an object, however many edges and viewers', () => {
  test('live at low latency: 4 edges with 10 viewers each', { timeout: 60_000 }, async () => {
    await using rig = await startShield({ children: 4 });
    const { origin, children } = rig;
    const viewers = children.flatMap((edge) => Array.from({ length: 10 }, () => edge));
    const at = FIRST_NUMBER + 1;
    await Promise.all(viewers.map((edge) => ask(edge, MEDIA)));
    for (let part = 2; part < PARTS; part += 1) {
      const uri = `${ROOT}/v180/${EPOCH}/${at}.${part}.m4s`;
      // Half of them ask for the part that is not there yet, half for the playlist that names it.
      const waiting = viewers.map((edge, nth) =>
        ask(edge, nth % 2 === 0 ? uri : `${MEDIA}?_HLS_msn=${at}&_HLS_part=${part}`),
      );
      await until(() => origin.waiting >= 2);
      origin.advance(1);
      const answers = await Promise.all(waiting);
      for (const [nth, answer] of answers.entries()) {
        assert.equal(answer.status, 200, answer.text);
        if (nth % 2 === 0) assert.ok(answer.body.equals(origin.bytesOf('v180', at, part)));
      }
    }
    const objects = [
      `v180/${EPOCH}/init.mp4`,
      `a0/${EPOCH}/init.mp4`,
      `v180/${EPOCH}/${at}.m4s`,
      `a0/${EPOCH}/${at}.m4s`,
    ];
    for (const object of objects) {
      const answers = await Promise.all(viewers.map((edge) => ask(edge, `${ROOT}/${object}`)));
      for (const answer of answers) assert.equal(answer.status, 200, answer.text);
    }
    for (const [path, count] of origin.fetched) assert.equal(count, 1, path);
    assert.ok(origin.fetched.size >= PARTS - 2 + objects.length - 1, `${origin.fetched.size} objects`);
  });

  test('a segment grows through the shield as its parts come', { timeout: 30_000 }, async () => {
    await using rig = await startShield();
    const { origin } = rig;
    const [child] = rig.children as [RunningEdge];
    const at = FIRST_NUMBER + 1;
    await ask(child, MEDIA);
    const growing = ask(child, `${ROOT}/v180/${EPOCH}/${at}.m4s`);
    for (let part = 2; part < PARTS; part += 1) {
      await until(() => origin.waiting >= 2);
      origin.advance(1);
    }
    const answer = await growing;
    assert.ok(answer.complete && answer.body.equals(origin.bytesOf('v180', at)));
    for (const [path, count] of origin.fetched) assert.equal(count, 1, path);
  });
});

suite('losing the parent fails no request', () => {
  for (const way of ['kill', 'hang'] as const) {
    test(`${way} while viewers wait for a part and a growing segment`, { timeout: 60_000 }, async () => {
      // Viewers could be sent there, and need not be.
      await using rig = await startShield({ peers: [testRecord({ id: 'elsewhere' })] });
      const { origin, fronts } = rig;
      const [child] = rig.children as [RunningEdge];
      const at = FIRST_NUMBER + 1;
      await ask(child, MEDIA);
      for (const there of [0, 1]) await ask(child, `${ROOT}/v180/${EPOCH}/${at}.${there}.m4s`);
      const growing = ask(child, `${ROOT}/v180/${EPOCH}/${at}.m4s`);
      const part = ask(child, `${ROOT}/v180/${EPOCH}/${at}.2.m4s`);
      const playlist = ask(child, `${MEDIA}?_HLS_msn=${at}&_HLS_part=2`);
      await until(() => origin.waiting >= 2);
      const before = fronts[1]?.connections ?? 0;
      fronts[0]?.[way]();
      // The other parent is asked, and asks the origin.
      await until(() => (fronts[1]?.connections ?? 0) > before + 1);
      for (let more = 2; more < PARTS; more += 1) {
        await until(() => origin.waiting >= 2);
        origin.advance(1);
      }
      assert.equal((await playlist).status, 200);
      assert.ok((await part).body.equals(origin.bytesOf('v180', at, 2)));
      const segment = await growing;
      assert.ok(segment.complete && segment.body.equals(origin.bytesOf('v180', at)));
      for (const [path, count] of origin.fetched)
        assert.ok(count <= 2, `${path}: once more at most, by the other parent`);
    });
  }

  test('without any parent left the origin is asked', { timeout: 30_000 }, async () => {
    await using rig = await startShield();
    const [child] = rig.children as [RunningEdge];
    assert.equal((await ask(child, MEDIA)).status, 200);
    for (const front of rig.fronts) front.kill();
    const answer = await ask(child, `${ROOT}/v180/${EPOCH}/${FIRST_NUMBER}.m4s`);
    assert.ok(answer.body.equals(rig.origin.bytesOf('v180', FIRST_NUMBER)));
  });

  test('parents that ask each other in a circle ask the origin instead', { timeout: 30_000 }, async () => {
    const origin = await FakeOrigin.start(media);
    origin.advance(PARTS + 2);
    const feed = feedOf(origin.url);
    const [a, b] = [await startTcpFront(), await startTcpFront()];
    const edges = [
      await startRig(feed, { id: 'edge-a', parents: [b.url] }),
      await startRig(feed, { id: 'edge-b', parents: [a.url] }),
    ] as const;
    [a.port, b.port] = [edges[0].port, edges[1].port];
    const answers = await Promise.all(edges.map((edge) => ask(edge, MEDIA)));
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200],
    );
    const at = FIRST_NUMBER + 1;
    const waiting = edges.map((edge) => ask(edge, `${MEDIA}?_HLS_msn=${at}&_HLS_part=2`));
    await until(() => origin.waiting >= 2);
    origin.advance(1);
    for (const answer of await Promise.all(waiting)) assert.equal(answer.status, 200, answer.text);
    await Promise.all([...edges, a, b, origin].map((one) => one[Symbol.asyncDispose]()));
  });
});

suite('who may ask', () => {
  const path = `/cmaf/show/v180/${EPOCH}/${FIRST_NUMBER}`;

  test('a node of the fleet, for this purpose, by a key that holds', async () => {
    await using rig = await startShield({ parents: 1 });
    const [parent] = rig.parents as [RunningEdge];
    const pass = (purpose: 'cmaf' | 'zone', keys = KEYS): string =>
      mintNodePass('edge-9', purpose, keys, Date.now()) ?? '';
    const shown = async (text: string | null, url = path): Promise<string> => {
      const headers = text === null ? {} : { [NODE_PASS]: text };
      const { status, code } = await ask(parent, url, { headers });
      return `${status} ${code ?? ''}`.trim();
    };
    assert.equal(await shown(pass('cmaf')), '200');
    assert.equal(await shown(pass('zone')), '421 zone_unknown');
    for (const text of [null, '', pass('cmaf', FOREIGN_KEYS), mint('show')]) {
      assert.equal(await shown(text), '404 not_found', text ?? 'none');
    }
    assert.equal(await shown(null, `/t/${mint('show')}${path}`), '404 not_found', 'a viewer has no use for it');
    assert.equal(await shown(pass('cmaf'), '/cmaf/nobody/timeline'), '404 stream_not_found');
    assert.equal(await shown(pass('cmaf'), '/cmaf/idle/timeline'), '404 stream_offline');
    assert.equal(await shown(pass('cmaf'), '/cmaf/show/timeline?since=x'), '400 bad_request');
    assert.equal(await shown(pass('cmaf'), '/cmaf/show/../x'), '404 not_found');
  });
});

suite('what was purged does not come back', () => {
  test('from a parent that has not heard of the purge', { timeout: 30_000 }, async () => {
    await using rig = await startShield({ parents: 1 });
    const { origin } = rig;
    const [child] = rig.children as [RunningEdge];
    const [parent] = rig.parents as [RunningEdge];
    const uri = `${ROOT}/v180/${EPOCH}/${FIRST_NUMBER}.m4s`;
    const path = `/cmaf/show/v180/${EPOCH}/${FIRST_NUMBER}`;
    await ask(child, uri);
    assert.equal(origin.fetched.get(path), 1);
    const purge = { id: 'p1', tag: 'stream:show', soft: false, atMs: Date.now() };
    const page = { cursor: '2', snapshot: false, messages: [{ type: 'purge', purge }] } as const;
    await child.carryOut(page);
    assert.equal((await ask(child, uri)).status, 200);
    assert.equal(origin.fetched.get(path), 2, 'not what the parent still has');
    await child.carryOut({ ...page, messages: [{ type: 'purge', purge: { ...purge, id: 'p2' } }] });
    const waiting = ask(child, uri);
    await parent.carryOut({
      ...page,
      messages: [
        { type: 'purge', purge },
        { type: 'purge', purge: { ...purge, id: 'p2' } },
      ],
    });
    assert.equal((await waiting).status, 200);
    assert.equal(origin.fetched.get(path), 3, 'the parent fetched it anew');
    await ask(parent, uri);
    assert.equal(origin.fetched.get(path), 3, 'and has it again');
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type TestPlane, joinAs, startTestPlane } from '../test-plane.ts';

const SECRET = Buffer.alloc(32, 7).toString('base64url');

/** Five of everything that is listed, and the names they should be listed by. */
async function fill(plane: TestPlane): Promise<ReadonlyMap<string, readonly string[] | null>> {
  const names = ['a', 'b', 'c', 'd', 'e'];
  for (const name of names.toReversed()) {
    await plane.call('POST', '/v1/streams', { name, policy: 'token' });
    await plane.call('POST', '/v1/issuers', { iss: name, alg: 'HS256', secret: SECRET });
    await plane.call('POST', '/v1/join-tokens', { role: 'edge' });
    await plane.call('POST', '/v1/configs', { scope: name, settings: {} });
    // An edge is probed at its URL, and what became of that is listed.
    await joinAs(plane, { id: name, role: 'origin' });
  }
  return new Map([
    ['streams', names],
    ['issuers', [...names, 'headwater']],
    ['join-tokens', null],
    ['configs', names],
    ['nodes', names],
  ]);
}

interface Item {
  readonly stream?: string;
  readonly iss?: string;
  readonly id?: string;
  readonly scope?: string;
}

test('every list comes in pages, each with the way to the next, and as a whole where nothing is asked', async () => {
  await using plane = await startTestPlane();
  for (const [list, names] of await fill(plane)) {
    const whole = await plane.call('GET', `/v1/${list}`);
    assert.equal(whole.headers.get('link'), null);
    const all = Object.values(whole.body)[0] as Item[];
    const ids = all.map(({ stream, iss, id, scope }) => stream ?? iss ?? id ?? scope ?? '');
    assert.deepEqual(ids, names ?? ids.toSorted(), list);
    assert.ok(all.length >= 5);
    const paged: Item[] = [];
    let pages = 0;
    for (let path: string | undefined = `/v1/${list}?limit=2`; path !== undefined; pages += 1) {
      const page = await plane.call('GET', path);
      const items = Object.values(page.body)[0] as Item[];
      assert.ok(items.length > 0 && items.length <= 2);
      paged.push(...items);
      path = /^<([^>]+)>; rel="next"$/.exec(page.headers.get('link') ?? '')?.[1];
    }
    assert.deepEqual(paged, all, list);
    assert.equal(pages, Math.ceil(all.length / 2));
    const full = await plane.call('GET', `/v1/${list}?limit=${all.length}`);
    assert.equal(full.headers.get('link'), null, 'nothing comes after the last');
  }
});

test('a page goes on where its cursor says, whatever came and went', async () => {
  await using plane = await startTestPlane();
  await fill(plane);
  const first = await plane.call('GET', '/v1/streams?limit=3');
  await plane.call('DELETE', '/v1/streams/c');
  await plane.call('POST', '/v1/streams', { name: 'ca', policy: 'token' });
  const next = /<([^>]+)>/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
  const { streams } = (await plane.call('GET', next)).body as { streams: Item[] };
  assert.deepEqual(
    streams.map(({ stream }) => stream),
    ['ca', 'd', 'e'],
  );
});

test('a limit or a cursor that is none is refused', async () => {
  await using plane = await startTestPlane();
  assert.equal((await plane.call('GET', '/v1/streams?limit=1000')).status, 200);
  for (const [query, detail] of [
    ['limit=1001', /^limit: /],
    ['limit=0', /^limit: /],
    ['limit=1.5', /^limit: /],
    ['limit=all', /^limit: /],
    ['cursor=a', /^cursor: is not one that a Link gave$/],
    ['cursor=%20', /^cursor: /],
    [`cursor=${'x'.repeat(1_025)}`, /^cursor: /],
  ] as const) {
    const { status, body } = await plane.call('GET', `/v1/streams?${query}`);
    assert.deepEqual([status, body['code']], [400, 'bad_query'], query);
    assert.match(String(body['detail']), detail);
  }
});

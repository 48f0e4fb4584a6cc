import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ManualClock } from '@headwater/service/clock';
import { STORES } from '../state/test-stores.ts';
import type { Store } from '../state/store.ts';
import { addPerson } from '../test-accounts.ts';
import { ADMIN, type Answer, startTestPlane } from '../test-plane.ts';
import { startTestRedis } from '../test-redis.ts';
import { Idempotency, dropOldAnswers, readIdempotencyKey } from './idempotency.ts';

const DAY_MS = 86_400_000;
const LOG_LIMIT = 100;

test('keys are read as a string of structured fields, or bare', () => {
  const cases: [header: string, key: string | null][] = [
    ['"8e03978e-40d5-43dd-bc93-6894a57f9324"', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
    ['8e03978e', '8e03978e'],
    ['"with space"', 'with space'],
    ['x'.repeat(255), 'x'.repeat(255)],
    ['x'.repeat(256), null],
    ['', null],
    ['""', null],
    ['two words', null],
    ['"open', null],
    ['k\u00e9y', null],
  ];
  for (const [header, key] of cases) assert.equal(readIdempotencyKey(header), key, header);
});

/** What a route does, and how often it did. */
function maker(status = 201) {
  let made = 0;
  return {
    get made() {
      return made;
    },
    attempt: async (): Promise<Response> => {
      made += 1;
      return Response.json({ secret: `made-${made}` }, { status, headers: { location: `/v1/things/${made}` } });
    },
  };
}

/** How often a store is read as a whole. */
function countLists(store: Store): { count: number } {
  const looked = { count: 0 };
  const list = store.list.bind(store);
  store.list = (...args) => {
    looked.count += 1;
    return list(...args);
  };
  return looked;
}

const REQUEST = { key: 'a-key-of-the-client', principal: 'admin', most: 3, asked: 'POST /v1/things\n{}' };

for (const [name, makePlace] of STORES) {
  suite(`idempotency over the ${name} store`, () => {
    async function open(): Promise<
      AsyncDisposable & { store: Store; clock: ManualClock; one: Idempotency; two: Idempotency }
    > {
      const place = await makePlace(LOG_LIMIT);
      const store = await place.reopen();
      const clock = new ManualClock(Date.UTC(2026, 10, 24));
      const options = { store, clock };
      const [one, two] = [new Idempotency(options), new Idempotency(options)];
      return { store, clock, one, two, [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() };
    }

    test('what was made is answered again, here and at another replica, for a day', async () => {
      await using rig = await open();
      const thing = maker();
      const first = await rig.one.once(REQUEST, thing.attempt);
      const body = await first.text();
      rig.clock.advance(DAY_MS - 1);
      for (const replica of [rig.one, rig.two]) {
        const again = await replica.once(REQUEST, thing.attempt);
        assert.equal(again.status, 201);
        assert.equal(again.headers.get('location'), '/v1/things/1');
        assert.equal(again.headers.get('content-type'), first.headers.get('content-type'));
        assert.equal(again.headers.get('idempotent-replayed'), 'true');
        assert.equal(await again.text(), body);
      }
      assert.equal(thing.made, 1);
      rig.clock.advance(1);
      await rig.two.once(REQUEST, thing.attempt);
      assert.equal(thing.made, 2, 'after that the key is new');
    });

    test('a key of another request is refused, one of somebody else is another', async () => {
      await using rig = await open();
      const thing = maker();
      await rig.one.once(REQUEST, thing.attempt);
      const other = await rig.two.once({ ...REQUEST, asked: 'POST /v1/things\n{"a":1}' }, thing.attempt);
      assert.equal(other.status, 422);
      assert.equal(((await other.json()) as { code: string }).code, 'idempotency_key_reused');
      assert.equal((await rig.two.once({ ...REQUEST, principal: 'someone' }, thing.attempt)).status, 201);
      assert.equal(thing.made, 2);
    });

    test('while the first is being answered a second is told so; what was never answered can be asked anew', async () => {
      await using rig = await open();
      const thing = maker();
      const { promise: released, resolve: release } = Promise.withResolvers<void>();
      const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
      const first = rig.one.once(REQUEST, async () => {
        begin();
        await released;
        return thing.attempt();
      });
      await begun;
      const second = await rig.two.once(REQUEST, thing.attempt);
      assert.equal(second.status, 409);
      assert.equal(((await second.json()) as { code: string }).code, 'idempotency_in_progress');
      assert.equal(thing.made, 0);
      rig.clock.advance(30_000);
      assert.equal((await rig.two.once(REQUEST, thing.attempt)).status, 201, 'its replica may have died');
      release();
      assert.equal(((await (await first).json()) as { secret: string }).secret, 'made-2');
      const again = await rig.one.once(REQUEST, thing.attempt);
      assert.equal(((await again.json()) as { secret: string }).secret, 'made-1', 'the late one does not count');
    });

    test('what was refused, or failed, is tried anew', async () => {
      await using rig = await open();
      const refused = maker(409);
      for (let tries = 1; tries <= 2; tries += 1) {
        assert.equal((await rig.one.once(REQUEST, refused.attempt)).status, 409);
        assert.equal(refused.made, tries);
      }
      const failing = rig.one.once(REQUEST, () => Promise.reject(new Error('broken')));
      await assert.rejects(failing, /broken/);
      assert.equal((await rig.one.once(REQUEST, maker().attempt)).status, 201);
    });

    test('so many keys and no more, until the old ones end', async () => {
      await using rig = await open();
      const thing = maker();
      const ask = async (key: string): Promise<number> =>
        (await rig.one.once({ ...REQUEST, key }, thing.attempt)).status;
      for (const key of ['a', 'b', 'c']) assert.equal(await ask(key), 201);
      const looked = countLists(rig.store);
      assert.equal(await ask('d'), 429);
      assert.equal(await ask('d'), 429);
      assert.equal(looked.count, 1, 'nothing to make room with is looked for once');
      assert.equal(await ask('a'), 201);
      assert.equal(thing.made, 3);
      rig.clock.advance(DAY_MS);
      assert.equal(await ask('d'), 201);
      assert.equal(await rig.store.count('idempotency'), 1, 'the old ones went');
      assert.deepEqual(await dropOldAnswers(rig.store, rig.clock.nowMs() + DAY_MS), {
        removed: 1,
        nextMs: rig.clock.nowMs() + 2 * DAY_MS,
      });
    });

    test('neither the key nor the answer can be read from the store', async () => {
      await using rig = await open();
      await rig.one.once(REQUEST, maker().attempt);
      const kept = JSON.stringify(await rig.store.list('idempotency'));
      assert.doesNotMatch(kept, /made-1|a-key-of-the-client/);
      assert.doesNotMatch(kept, new RegExp(Buffer.from('made-1').toString('base64').slice(0, 6)));
    });
  });
}

const SHOW = { name: 'show', policy: 'token' };

function withKey(key: string, body: unknown) {
  return { headers: { 'idempotency-key': key }, body };
}

function assertCode(answer: Answer, status: number, code: string): void {
  assert.deepEqual([answer.status, answer.body['code']], [status, code]);
}

test('each request that makes something is answered again as it was, after a restart too', async () => {
  await using plane = await startTestPlane();
  const secret = Buffer.alloc(32, 7).toString('base64url');
  const cases: [path: string, body: object][] = [
    ['/v1/streams', SHOW],
    ['/v1/tokens', { stream: 'show', ttlSeconds: 60 }],
    ['/v1/join-tokens', { role: 'edge' }],
    ['/v1/issuers', { iss: 'backend', alg: 'HS256', secret }],
    ['/v1/purges', { all: true }],
    ['/v1/configs', { settings: { edgeDeadlineMs: 900 } }],
    ['/v1/revocations', { session: 's1' }],
    ['/v1/keys/rotate', {}],
  ];
  const first: Answer[] = [];
  for (const [path, body] of cases) first.push(await plane.send('POST', path, withKey(`key-${path}`, body)));
  await plane.restart();
  for (const [index, [path, body]] of cases.entries()) {
    const again = await plane.send('POST', path, withKey(`key-${path}`, body));
    assert.equal(again.status, first[index]?.status, path);
    assert.deepEqual(again.body, first[index]?.body, path);
    assert.equal(again.headers.get('location'), first[index]?.headers.get('location') ?? null, path);
    assert.equal(again.headers.get('idempotent-replayed'), 'true', path);
    const other = await plane.send('POST', path, withKey(`key-${path}`, { ...body, more: 1 }));
    assert.ok([400, 422].includes(other.status), `${path}: ${other.status}`);
  }
  assertCode(
    await plane.send('POST', '/v1/keys/rotate', withKey('key-/v1/purges', { all: true })),
    422,
    'idempotency_key_reused',
  );
  assert.equal(((await plane.call('GET', '/v1/join-tokens')).body['joinTokens'] as unknown[]).length, 1);
  assertCode(
    await plane.send('POST', '/v1/streams', withKey('key-/v1/streams', { ...SHOW, name: 'b' })),
    422,
    'idempotency_key_reused',
  );
  assertCode(await plane.send('POST', '/v1/streams', withKey('two words', SHOW)), 400, 'idempotency_key_malformed');
  assertCode(await plane.send('POST', '/v1/streams', withKey('new', SHOW)), 409, 'stream_exists');
});

test('of a request that reaches two replicas at once one makes the stream, and both then tell of that one', async () => {
  await using redis = await startTestRedis();
  const env = { REDIS_URL: redis.url };
  await using one = await startTestPlane({ env });
  await using two = await startTestPlane({ env });
  const both = await Promise.all([one, two].map((plane) => plane.send('POST', '/v1/streams', withKey('k', SHOW))));
  assert.ok(both.some(({ status }) => status === 201));
  for (const { status, body } of both) {
    assert.ok(status === 201 || body['code'] === 'idempotency_in_progress', JSON.stringify(body));
  }
  const { key } = (await one.call('GET', '/v1/streams/show')).body;
  for (const plane of [one, two]) {
    const again = await plane.send('POST', '/v1/streams', withKey('k', SHOW));
    assert.deepEqual([again.status, again.body['key']], [201, key]);
  }
});

test('a program that keys every request leaves room for people, and those for root', async () => {
  await using plane = await startTestPlane({ env: { HEADWATER_MAX_IDEMPOTENCY_KEYS: '10' } });
  await plane.call('POST', '/v1/streams', { name: 'show', policy: 'token' });
  const { key } = (await plane.call('POST', '/v1/api-keys', { label: 'backend', role: 'viewer-issuer' })).body;
  const { bearer } = await addPerson(plane, { name: 'anna', role: 'operator' });
  let made = 0;
  const mintAll = async (token: string): Promise<number> => {
    for (let count = 0; ; count += 1) {
      const keyed = withKey(`k${(made += 1)}`, { stream: 'show', ttlSeconds: 60 });
      const headers = { ...keyed.headers, authorization: `Bearer ${token}` };
      const { status } = await plane.send('POST', '/v1/tokens', { ...keyed, headers });
      if (status === 429) return count;
      assert.equal(status, 201);
    }
  };
  assert.equal(await mintAll(key as string), 8);
  assert.equal(await mintAll(bearer), 1);
  assert.equal(await mintAll(ADMIN), 1);
});

test('the limit of keys is the configured one', async () => {
  await using plane = await startTestPlane({ env: { HEADWATER_MAX_IDEMPOTENCY_KEYS: '1' } });
  assert.equal((await plane.send('POST', '/v1/streams', withKey('a', SHOW))).status, 201);
  const more = await plane.send('POST', '/v1/streams', withKey('b', { ...SHOW, name: 'b' }));
  assertCode(more, 429, 'too_many_requests');
  assert.equal(
    (await plane.call('POST', '/v1/streams', { ...SHOW, name: 'b' })).status,
    201,
    'without a key it is made',
  );
});

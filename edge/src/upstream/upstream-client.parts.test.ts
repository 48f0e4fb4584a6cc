import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { suite, test } from 'node:test';
import { type Clock, ManualClock, systemClock } from '@headwater/service/clock';
import { HTTP_CLIENT_LIMITS, type HttpClientLimits } from './http-client.ts';
import { type RawServer, startRawServer } from './raw-server.ts';
import { type Heard, record } from './recorded-fetch.ts';
import { rank } from './rendezvous.ts';
import { Parents } from './parents.ts';
import { UpstreamClient, type UpstreamRequest } from './upstream-client.ts';
import type { UpstreamEvents } from './upstream-events.ts';

/** How a server of these tests behaves; changed as a test goes on. */
type Mood = 'well' | 'takes' | 'silent' | 'resets' | 'refuses' | 'unavailable' | 'slow' | 'working' | 'garbled';

const SLOW_MS = 60;

class Server implements AsyncDisposable {
  mood: Mood = 'well';
  /** of each request, where it changes from one to the next */
  moodOf = (): Mood => this.mood;
  isReady: boolean | null = true;
  #raw: RawServer | undefined;

  async start(): Promise<this> {
    this.#raw = await startRawServer((socket, request) => this.#answer(socket, request));
    return this;
  }

  get url(): string {
    return this.#server.url;
  }

  /** Probes left out. */
  get requests(): string[] {
    return this.#server.requests.filter((request) => !request.includes(' /readyz '));
  }

  /** As `kill -9` does: what is open is reset, and nobody listens any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.reset();
    await this.#server[Symbol.asyncDispose]();
  }

  get #server(): RawServer {
    assert.ok(this.#raw);
    return this.#raw;
  }

  #answer(socket: Socket, request: string): void {
    const say = (status: string, body: string, type = 'text/plain'): void =>
      void socket.write(`HTTP/1.1 ${status}\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    if (request.includes(' /readyz '))
      return this.isReady === null ? undefined : say(this.isReady ? '200 OK' : '503 No', '');
    switch (this.moodOf()) {
      case 'well':
        return say('200 OK', this.url);
      // Answers when it has the whole request.
      case 'takes':
        return void socket.on('data', (data) => data.toString().endsWith('0\r\n\r\n') && say('200 OK', this.url));
      case 'slow':
        return void setTimeout(() => say('200 OK', this.url), SLOW_MS);
      case 'working':
        socket.write('HTTP/1.1 102 Processing\r\n\r\n');
        return void setTimeout(() => say('200 OK', this.url), SLOW_MS * 5);
      case 'garbled':
        return void socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxy');
      case 'silent':
        return;
      case 'resets':
        return void socket.resetAndDestroy();
      case 'refuses':
        return say('503 Service Unavailable', '{"code":"not_ready"}', 'application/problem+json');
      case 'unavailable':
        return say('503 Service Unavailable', 'try later');
    }
  }
}

interface Counts {
  readonly tries: Record<string, number>;
  readonly ends: Record<string, number>;
  denied: number;
  hedgeWins: number;
  readonly breakers: string[];
}

interface Rig extends AsyncDisposable {
  readonly parents: readonly Server[];
  readonly origins: readonly Server[];
  readonly client: UpstreamClient;
  readonly counts: Counts;
  get(key: string, more?: Partial<UpstreamRequest>): Promise<Heard>;
  /** the parents in the order of a key */
  ranked(key: string): Server[];
}

async function startRig(
  sizes: { readonly parents?: number; readonly origins?: number },
  limits: Partial<HttpClientLimits> = {},
  clock: Clock = systemClock,
): Promise<Rig> {
  const servers = (count: number): Promise<Server[]> =>
    Promise.all(Array.from({ length: count }, () => new Server().start()));
  const [parents, origins] = [await servers(sizes.parents ?? 0), await servers(sizes.origins ?? 1)];
  const counts: Counts = { tries: {}, ends: {}, denied: 0, hedgeWins: 0, breakers: [] };
  const add = (table: Record<string, number>, name: string): void => void (table[name] = (table[name] ?? 0) + 1);
  const weighted = parents.map(({ url }) => ({ url, weight: 1 }));
  const events: UpstreamEvents = {
    tried: (kind, reason) => add(counts.tries, `${kind} ${reason}`),
    tryEnded: (kind, outcome) => add(counts.ends, `${kind} ${outcome}`),
    retryDenied: () => (counts.denied += 1),
    hedgeWon: () => (counts.hedgeWins += 1),
    breakerChanged: (url, _kind, state) => counts.breakers.push(`${url} ${state}`),
  };
  const known = new Parents({
    parents: weighted,
    ownUrl: null,
    clock,
    events,
    passes: { mint: (purpose) => `pass-${purpose}` },
    purges: { last: { id: 'p1', atMs: 5 } },
  });
  const client = new UpstreamClient({
    workers: 1,
    nodeId: 'edge-1',
    parents: known,
    limits: { ...HTTP_CLIENT_LIMITS, ...limits },
    clock,
    events,
  });
  const zone = { name: 'zone', origins: origins.map(({ url }) => url) };
  return {
    parents,
    origins,
    client,
    counts,
    get(key, more = {}) {
      const request = {
        zone,
        method: 'GET',
        path: `/${key}`,
        fields: [],
        body: null,
        key,
        isIdempotent: true,
        ...more,
      };
      return record((handler) => client.fetch(request, handler));
    },
    ranked: (key) => rank(key, weighted).map(({ url }) => parents.find((parent) => parent.url === url) as Server),
    async [Symbol.asyncDispose]() {
      client.close();
      known[Symbol.dispose]();
      await Promise.all([...parents, ...origins].map((server) => server[Symbol.asyncDispose]().catch(() => undefined)));
    },
  };
}

suite('what goes out', () => {
  test('to an origin: its own host, this node and the way that it came', async () => {
    await using rig = await startRig({});
    const heard = await rig.get('a', { fields: ['X-Forwarded-Host', 'v.example'] });
    const { url } = rig.origins[0] as Server;
    assert.equal(heard.head?.from, url);
    const head = [`host: ${new URL(url).host}`, 'connection: keep-alive', 'X-Forwarded-Host: v.example'];
    const ours = ['via: 1.1 edge-1', 'cdn-loop: edge-1', '\r\n'];
    assert.equal(rig.origins[0]?.requests[0], ['GET /a HTTP/1.1', ...head, ...ours].join('\r\n'));
  });

  test("to a parent: the viewer's host, so that it finds the same zone", async () => {
    await using rig = await startRig({ parents: 1 });
    await rig.get('a', { fields: ['X-Forwarded-Host', 'v.example'] });
    assert.match(rig.parents[0]?.requests[0] ?? '', /^GET \/a HTTP\/1\.1\r\nhost: v\.example\r\n/);
    assert.doesNotMatch(rig.parents[0]?.requests[0] ?? '', /x-forwarded-host/i);
  });

  test('who asks and what it was told to forget is shown to parents alone, whatever a viewer says', async () => {
    await using rig = await startRig({ parents: 1 });
    const fields = ['Headwater-Node-Pass', 'viewer', 'Headwater-Last-Purge', 'viewer 1'];
    await rig.get('a', { fields });
    const shown = rig.parents[0]?.requests[0] ?? '';
    assert.match(shown, /headwater-node-pass: pass-zone\r\nheadwater-last-purge: p1 5\r\n/);
    assert.doesNotMatch(shown, /viewer/);
    (rig.parents[0] as Server).mood = 'refuses';
    await rig.get('b', { fields });
    assert.doesNotMatch(rig.origins[0]?.requests[0] ?? 'none', /headwater|none/i);
  });

  test('a request that was here before goes nowhere', async () => {
    await using rig = await startRig({});
    const heard = await rig.get('a', { fields: ['cdn-loop', 'x, edge-1'] });
    assert.equal(heard.error?.code, 'loop');
    assert.equal(rig.origins[0]?.requests.length, 0);
  });
});

suite('failover', () => {
  for (const mood of ['resets', 'refuses'] as const) {
    test(`a parent that ${mood}: the next one answers, and the origin when none does`, async () => {
      await using rig = await startRig({ parents: 2 });
      const [first, second] = rig.ranked('a') as [Server, Server];
      assert.equal((await rig.get('a')).body.toString(), first.url);
      first.mood = mood;
      assert.equal((await rig.get('a')).body.toString(), second.url);
      second.mood = mood;
      assert.equal((await rig.get('a')).body.toString(), rig.origins[0]?.url);
    });
  }

  test('when all refuse, the last answer is the answer; what an origin says through a parent is one', async () => {
    await using rig = await startRig({ parents: 1 });
    (rig.parents[0] as Server).mood = 'unavailable';
    assert.equal((await rig.get('a')).body.toString(), 'try later');
    assert.equal(rig.origins[0]?.requests.length, 0);
    (rig.parents[0] as Server).mood = 'refuses';
    rig.origins[0].mood = 'refuses';
    assert.equal((await rig.get('a')).head?.status, 503);
  });

  test('what is unsafe is tried elsewhere only when nothing of it was sent', async () => {
    await using rig = await startRig({ parents: 1 });
    (rig.parents[0] as Server).mood = 'resets';
    const post = { method: 'POST', isIdempotent: false };
    assert.equal((await rig.get('a', post)).error?.code, 'reset');
    assert.equal(rig.origins[0]?.requests.length, 0);
    await (rig.parents[0] as Server)[Symbol.asyncDispose]();
    assert.equal((await rig.get('a', post)).head?.status, 200);
    assert.equal(rig.origins[0]?.requests.length, 1);
  });

  test('an origin beside which there is nobody has a second try after a reset, not after a silence, nor for what is unsafe', async () => {
    await using rig = await startRig({}, { headMs: 50 });
    const [origin] = rig.origins as [Server];
    const once = { mood: 'resets' as Mood };
    origin.moodOf = () => {
      const { mood } = once;
      once.mood = 'well';
      return mood;
    };
    assert.equal((await rig.get('a')).head?.status, 200);
    assert.equal(origin.requests.length, 2);
    once.mood = 'resets';
    assert.equal((await rig.get('a', { method: 'POST', isIdempotent: false })).error?.code, 'reset');
    assert.equal(origin.requests.length, 3);
    once.mood = 'silent';
    assert.equal((await rig.get('a')).error?.code, 'timeout_head');
    assert.equal(origin.requests.length, 4);
    assert.equal(rig.counts.tries['origin retry'], 1);
  });

  test('giving up during the wait for a second try ends it', async () => {
    await using rig = await startRig({});
    const [origin] = rig.origins as [Server];
    origin.mood = 'resets';
    const waiting = rig.get('a');
    await until(() => rig.counts.ends['origin reset'] === 1);
    rig.client.close();
    assert.equal((await waiting).error?.code, 'aborted');
    // Longer than the wait.
    await using other = await startRig({});
    (other.origins[0] as Server).mood = 'working';
    await other.get('b');
    assert.equal(rig.counts.tries['origin retry'], undefined);
  });

  test('kill -9 of a parent under load: no request fails, and only its keys move', async () => {
    await using rig = await startRig({ parents: 4 });
    const keys = Array.from({ length: 400 }, (_, nth) => `key-${nth}`);
    const victim = rig.parents[1] as Server;
    const before = new Map(keys.map((key) => [key, rig.ranked(key)[0] as Server]));
    const after = new Map<string, string>();
    let at = 0;
    const viewer = async (): Promise<void> => {
      while (at < keys.length * 3) {
        const key = keys[at % keys.length] as string;
        if (at === keys.length) await victim[Symbol.asyncDispose]();
        at += 1;
        const heard = await rig.get(key);
        assert.equal(heard.error, null, heard.error?.detail);
        assert.equal(heard.head?.status, 200);
        if (at > keys.length * 2) after.set(key, heard.body.toString());
      }
    };
    await Promise.all(Array.from({ length: 16 }, viewer));
    const moved = keys.filter((key) => after.has(key) && after.get(key) !== before.get(key)?.url);
    const others = moved.filter((key) => before.get(key) !== victim);
    assert.ok(others.length <= rig.counts.hedgeWins, `${others.length} keys did not have to move`);
    assert.ok(moved.length - others.length <= keys.filter((key) => before.get(key) === victim).length);
    assert.equal(rig.origins[0]?.requests.length, 0, 'the other parents took them');
    assert.ok(rig.counts.breakers.includes(`${victim.url} open`));
  });

  test('a parent that hangs: the probe finds out, and what waits for it goes on elsewhere', async () => {
    await using rig = await startRig({ parents: 2 });
    const [first, second] = rig.ranked('a') as [Server, Server];
    first.mood = 'silent';
    first.isReady = null;
    assert.equal((await rig.get('a')).body.toString(), second.url);
    assert.equal((await rig.get('a')).body.toString(), second.url);
    assert.equal(first.requests.length, 1, 'nobody else waits for it');
    first.mood = 'well';
    first.isReady = true;
    await until(async () => (await rig.get('a')).body.toString() === first.url);
  });

  test('a parent that says it is not ready is passed over', async () => {
    await using rig = await startRig({ parents: 1 });
    (rig.parents[0] as Server).isReady = false;
    await until(async () => (await rig.get('a')).body.toString() === rig.origins[0]?.url);
  });
});

suite('limits', () => {
  test('retries are bounded when everything fails', async () => {
    // No time goes by in which some would be free.
    await using rig = await startRig({ origins: 2 }, {}, new ManualClock(0));
    for (const origin of rig.origins) origin.mood = 'resets';
    // One at a time of different keys, so that no breaker stops them first.
    for (let nth = 0; nth < 400; nth += 1) {
      const good = rig.origins[nth % 2] as Server;
      await rig.get(`key-${nth}`);
      good.mood = 'well';
      await rig.get(`key-${nth}`);
      good.mood = 'resets';
    }
    const retries = rig.counts.tries['origin retry'] ?? 0;
    assert.ok(rig.counts.denied > 0, 'the budget was spent');
    assert.ok(retries <= 100 + 80, `${retries} retries of 800 requests`);
  });

  test('a breaker opens, nobody is asked, it half opens, and closes', async () => {
    await using rig = await startRig({});
    const origin = rig.origins[0] as Server;
    origin.mood = 'resets';
    for (const page of ['a', 'b', 'c', 'd', 'e']) assert.equal((await rig.get(page)).error?.code, 'reset');
    assert.equal((await rig.get('f')).error?.code, 'unavailable');
    origin.mood = 'well';
    await until(async () => (await rig.get('a')).error === null);
    assert.deepEqual(
      rig.counts.breakers.map((line) => line.split(' ')[1]),
      ['open', 'half-open', 'closed'],
    );
  });

  test('an answer that is none is no fault of an origin, of which it may be the one bad page', async () => {
    await using rig = await startRig({});
    const origin = rig.origins[0] as Server;
    origin.mood = 'garbled';
    for (let nth = 0; nth < 6; nth += 1) assert.equal((await rig.get('a')).error?.code, 'protocol');
    origin.mood = 'well';
    assert.equal((await rig.get('b')).error, null);
    assert.deepEqual(rig.counts.breakers, []);
  });

  test('a page that is never answered, however often it is asked for, is no fault of its origin', async () => {
    for (const mood of ['resets', 'silent'] as const) {
      await using rig = await startRig({}, { headMs: 20 });
      const origin = rig.origins[0] as Server;
      origin.mood = mood;
      for (let nth = 0; nth < 6; nth += 1) assert.notEqual((await rig.get(`a?${nth}`)).error, null);
      origin.mood = 'well';
      assert.equal((await rig.get('b')).error, null);
      assert.deepEqual(rig.counts.breakers, []);
    }
  });

  test('an origin that nobody can connect to opens it, whatever was asked for', async () => {
    await using rig = await startRig({});
    const origin = rig.origins[0] as Server;
    await origin[Symbol.asyncDispose]();
    for (let nth = 0; nth < 3; nth += 1) await rig.get('a');
    assert.equal((await rig.get('a')).error?.code, 'unavailable');
  });

  test('an origin whose breaker has opened is asked whether it is there again', async () => {
    await using rig = await startRig({});
    const origin = rig.origins[0] as Server;
    origin.mood = 'resets';
    for (const page of ['a', 'b', 'c', 'd', 'e']) await rig.get(page);
    origin.mood = 'well';
    await until(() => origin.requests.some((request) => request.startsWith('HEAD / ')));
  });

  test('all tries together have a deadline', async () => {
    await using rig = await startRig({ origins: 3 }, { headMs: 40 });
    for (const origin of rig.origins) origin.mood = 'silent';
    assert.match((await rig.get('a')).error?.code ?? '', /^timeout_/);
  });

  test('a viewer who sends slowly has more time than they have, and is no fault of an origin', async () => {
    async function* slow(): AsyncGenerator<Uint8Array> {
      for (let piece = 0; piece < 6; piece += 1) {
        yield Buffer.from('piece');
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    }
    await using rig = await startRig({}, { headMs: 40, stallMs: 40 });
    (rig.origins[0] as Server).mood = 'takes';
    const uploads = Array.from({ length: 6 }, () =>
      rig.get('a', { method: 'POST', body: slow(), isIdempotent: false }),
    );
    for (const { error, head } of await Promise.all(uploads)) assert.deepEqual([error, head?.status], [null, 200]);
    assert.deepEqual(rig.counts.breakers, []);
  });
});

suite('hedging', () => {
  test('a late parent is hedged by the next, at most a twentieth more requests, none to the origin', async () => {
    await using rig = await startRig({ parents: 3 });
    const requests = 1_200;
    for (let nth = 0; nth < requests; nth += 1) {
      const key = `key-${nth}`;
      const [first] = rig.ranked(key) as [Server];
      first.mood = nth > 100 && nth % 25 === 0 ? 'slow' : 'well';
      assert.equal((await rig.get(key)).error, null);
    }
    const hedges = rig.counts.tries['parent hedge'] ?? 0;
    const seen = rig.parents.reduce((sum, parent) => sum + parent.requests.length, 0);
    assert.ok(hedges > 0 && hedges <= requests * 0.05, `${hedges} hedges`);
    assert.ok(seen > requests && seen <= requests + hedges, `${seen} requests where they arrive`);
    assert.ok(rig.counts.hedgeWins > 0);
    assert.equal(rig.origins[0]?.requests.length, 0);
  });

  test('a parent that says that it is at it is not hedged, and nobody is told of it', async () => {
    await using rig = await startRig({ parents: 2 });
    const [first, second] = rig.ranked('a') as [Server, Server];
    const many = (count: number): Promise<Heard[]> =>
      Promise.all(Array.from({ length: count }, async () => rig.get('a')));
    // At once, so that none is late before it is known what late is; and all have earned five hedges.
    first.mood = 'slow';
    await many(100);
    assert.equal(rig.counts.tries['parent hedge'], undefined);
    first.mood = 'working';
    for (const heard of await many(20)) assert.deepEqual(heard.interims, []);
    const whileAtIt = rig.counts.tries['parent hedge'] ?? 0;
    assert.ok(whileAtIt <= 2, `${whileAtIt} hedges while it said so`);
    first.mood = 'silent';
    for (let nth = 0; nth < 3; nth += 1) assert.equal((await rig.get('a')).body.toString(), second.url);
    const saying = second.requests.filter((request) => request.includes('headwater-parent-try: hedge\r\n'));
    assert.equal(saying.length, second.requests.length, 'a hedge says what it is');
    assert.doesNotMatch(first.requests.join(''), /parent-try: hedge/);
  });

  test('never the origin, and never what is unsafe', async () => {
    await using rig = await startRig({ parents: 1 });
    for (let nth = 0; nth < 100; nth += 1) await rig.get('a');
    (rig.parents[0] as Server).mood = 'slow';
    for (let nth = 0; nth < 10; nth += 1) await rig.get('a');
    assert.equal(rig.origins[0]?.requests.length, 0);
    await using two = await startRig({ parents: 2 });
    for (let nth = 0; nth < 100; nth += 1) await two.get('a');
    const before = two.counts.tries['parent hedge'];
    for (const parent of two.parents) parent.mood = 'slow';
    for (let nth = 0; nth < 10; nth += 1) await two.get('a', { method: 'POST', isIdempotent: false });
    assert.equal(two.counts.tries['parent hedge'], before);
  });
});

test('giving up and closing end a fetch once, whoever is asked', async () => {
  await using rig = await startRig({ parents: 2 });
  for (const parent of rig.parents) parent.mood = 'silent';
  const waiting = rig.get('a');
  await until(() => rig.parents.some(({ requests }) => requests.length > 0));
  rig.client.close();
  assert.equal((await waiting).error?.code, 'aborted');
});

/** Looks again and again until it holds; the runner's own limit ends it. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(setImmediate);
}

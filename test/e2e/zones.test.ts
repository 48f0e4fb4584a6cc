/** A pull zone's whole life: made by the API, served by every edge, purged in every way, opened by tokens, deleted. */

import assert from 'node:assert/strict';
import { type IncomingMessage, type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { type Answer, ask } from '@headwater/edge/src/edge-rig.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { startFleet } from '../fleet/fleet.ts';
import type { ServicePlan } from '../fleet/fleet-plan.ts';
import { until } from '../fleet/until.ts';

const DEADLINE_MS = 5_000;
const HOST = 'www.example';
const PAGE = '/articles/1?lang=en';

/** An origin whose pages say which version they are of. */
class Site implements AsyncDisposable {
  version = 1;
  readonly asked: IncomingMessage[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.asked.push(request);
      response.writeHead(200, {
        'cache-control': 'max-age=3600',
        'cache-tag': 'articles, home',
        'content-type': 'text/plain',
      });
      response.end(`version ${this.version} of ${request.url}`);
    });
  }

  static async start(): Promise<Site> {
    const site = new Site();
    await new Promise<void>((resolve) => site.#server.listen(0, '127.0.0.1', resolve));
    return site;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await this.#server[Symbol.asyncDispose]();
  }
}

/** The first edge is one of several processes. */
function withWorkers(service: ServicePlan): ServicePlan {
  if (service.name !== 'edge-1') return service;
  return { ...service, variables: { ...service.variables, HEADWATER_EDGE_WORKERS: '2' } };
}

interface Zone {
  /** what every edge answers to a path */
  readonly answers: (path: string, host?: string) => Promise<Answer[]>;
  readonly call: (method: string, path: string, body?: unknown) => Promise<Record<string, unknown>>;
}

function zoneOf(fleet: Fleet): Zone {
  const ports = fleet.plan.edgeUrls.map((url) => Number(new URL(url).port));
  return {
    answers: async (path, host = HOST) =>
      Promise.all(ports.map(async (port) => ask({ port }, path, { headers: { host } }))),
    async call(method, path, body) {
      const answer = await fleet.api.request(method, path, body);
      const text = await answer.text();
      assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
      return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    },
  };
}

function isHit({ status, headers }: Answer): boolean {
  return status === 200 && /;\s*hit\b/.test(String(headers['cache-status']));
}

async function cached({ answers }: Zone, text: string): Promise<void> {
  await until(`${text} to be cached everywhere`, DEADLINE_MS, async () => {
    const all = await answers(PAGE);
    return all.every((answer) => isHit(answer) && answer.text === text);
  });
}

/** Orders a purge, and resolves when every edge has acknowledged it. */
async function purge({ call }: Zone, order: object): Promise<void> {
  const { id } = await call('POST', '/v1/purges', order);
  await until(`acknowledgements of ${JSON.stringify(order)}`, DEADLINE_MS, async () => {
    const { acked, total } = await call('GET', `/v1/purges/${String(id)}`);
    return total === 2 && acked === 2;
  });
}

test('a pull zone is served, purged by URL, prefix, tag and as a whole, hard and soft, and deleted', async () => {
  await using site = await Site.start();
  await using fleet = await startFleet({ without: ['origin', 'geo'], arrange: withWorkers });
  const zone = zoneOf(fleet);
  const before = await zone.answers(PAGE);
  assert.deepEqual(
    before.map(({ status }) => status),
    [404, 404],
  );
  await zone.call('POST', '/v1/zones', { name: 'site', hosts: [HOST], origins: [site.url], policy: 'public' });
  await cached(zone, `version 1 of ${PAGE}`);
  assert.equal(site.asked.length, 2, 'each edge asks once');
  const elsewhere = await zone.answers(PAGE, 'other.example');
  assert.deepEqual(
    elsewhere.map(({ status, code }) => [status, code]),
    [
      [404, 'not_found'],
      [404, 'not_found'],
    ],
  );

  const orders = [
    { url: `https://${HOST}${PAGE}` },
    { prefix: `https://${HOST}/articles/` },
    { tag: 'articles' },
    { tag: 'zone:site' },
    { all: true },
  ];
  for (const order of orders) {
    for (const soft of [false, true]) {
      const old = `version ${site.version} of ${PAGE}`;
      const askedBefore: number = site.asked.length;
      site.version += 1;
      const fresh = `version ${site.version} of ${PAGE}`;
      await purge(zone, { ...order, soft });
      const texts = (await zone.answers(PAGE)).map(({ text }) => text);
      for (const text of texts)
        assert.ok(text === fresh || (soft && text === old), `${JSON.stringify(order)}: ${text}`);
      await cached(zone, fresh);
      assert.equal(
        site.asked.length,
        askedBefore + 2,
        `each edge asks once after ${JSON.stringify({ ...order, soft })}`,
      );
    }
  }
  await purge(zone, { url: `https://${HOST}/articles/2` });
  await purge(zone, { tag: 'sports' });
  assert.ok((await zone.answers(PAGE)).every(isHit), 'what is not named stays');

  const { name: _, ...form } = await zone.call('GET', '/v1/zones/site');
  await zone.call('PUT', '/v1/zones/site', { ...form, policy: 'token' });
  await until('tokens to be wanted', DEADLINE_MS, async () => {
    const all = await zone.answers(PAGE);
    return all.every(({ status, code }) => status === 403 && code === 'token_missing');
  });
  const { urls } = await zone.call('POST', '/v1/tokens', { zone: 'site', path: PAGE, ttlSeconds: 60 });
  const { pathname, search, hostname } = new URL((urls as { url: string }).url);
  assert.equal(hostname, HOST);
  for (const bought of await zone.answers(pathname + search)) {
    assert.equal(bought.status, 307, bought.text);
    // A token is good at every edge.
    const opened = await zone.answers(String(bought.headers.location));
    assert.ok(opened.every((answer) => isHit(answer) && /private/.test(String(answer.headers['cache-control']))));
  }

  await zone.call('DELETE', '/v1/zones/site');
  await until('the zone to be gone', DEADLINE_MS, async () => {
    const all = await zone.answers(PAGE);
    return all.every(({ status, code }) => status === 404 && code === 'not_found');
  });
  site.version += 1;
  await zone.call('POST', '/v1/zones', { name: 'site', hosts: [HOST], origins: [site.url], policy: 'public' });
  await cached(zone, `version ${site.version} of ${PAGE}`);
});

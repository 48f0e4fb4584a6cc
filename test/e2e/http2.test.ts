/** An edge that speaks TLS to a real browser: players and pages get HTTP/2 of it, and a new certificate cuts nobody off. */

import assert from 'node:assert/strict';
import { X509Certificate, createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { connect, getCACertificates, setDefaultCACertificates } from 'node:tls';
import { TlsFolder } from '@headwater/edge/src/secure-rig.ts';
import type { Browser, Page } from 'playwright-core';
import { openWatchPage, startBrowser, type PlayerName, type WatchPage } from '../fleet/browser.ts';
import { SMALL_LADDER, startFleet, type Fleet, type OnAir } from '../fleet/fleet.ts';
import { startLoopbackServer } from '../fleet/loopback-server.ts';
import { until } from '../fleet/until.ts';

const WATCHED_S = 8;
const OTHERS_S = 3;
const TRIES = 3;
/** A picture that stands for longer is a freeze; who plays a second behind live may stutter for less. */
const NOTICED_MS = 500;
/** One rung: what is looked at is how it comes. */
const LADDER = { ...SMALL_LADDER, rungs: SMALL_LADDER.rungs.slice(-1) };
const FILM = Buffer.alloc(3 * 1024 * 1024, 'a film of some length, ');

suite('HTTP/2 in a browser', () => {
  const cleanup = new AsyncDisposableStack();
  let fleet: Fleet;
  let show: OnAir;
  let browser: Browser;
  let edgeUrl: string;
  let files: Awaited<ReturnType<TlsFolder['add']>>;
  let pairs: readonly (typeof files)[];

  before(async () => {
    const folder = cleanup.use(await TlsFolder.make());
    files = await folder.add('127.0.0.1');
    // By a name of its own: of two roots of one name OpenSSL may take the other.
    pairs = [files, await folder.add('edge.test', '127.0.0.1')];
    const trusted = pairs.map(({ cert }) => cert);
    setDefaultCACertificates([...getCACertificates('default'), ...trusted]);
    const trustFile = join(folder.path, 'trusted.pem');
    await writeFile(trustFile, trusted.join(''));
    const zonesFile = join(folder.path, 'zones.json');
    const library = cleanup.use(await startLibrary());
    const zone = { name: 'library', pathPrefix: '/library', origins: [library.url], policy: 'public' };
    await writeFile(zonesFile, JSON.stringify([zone]));
    fleet = cleanup.use(
      await startFleet({
        edges: 1,
        // Services that ask the edge take its certificates for good.
        environment: { NODE_EXTRA_CA_CERTS: trustFile },
        arrange(service) {
          if (service.workspace !== 'edge') return service;
          const variables = {
            ...service.variables,
            HEADWATER_TLS_CERT_FILE: files.certFile,
            HEADWATER_TLS_KEY_FILE: files.keyFile,
            HEADWATER_ZONES_FILE: zonesFile,
          };
          return { ...service, variables, url: service.url.replace('http:', 'https:') };
        },
      }),
    );
    [edgeUrl = ''] = fleet.plan.edgeUrls;
    show = await fleet.putOnAir('show', { ladder: LADDER });
    browser = await startBrowser([`--ignore-certificate-errors-spki-list=${trusted.map(keyHash).join(',')}`]);
    cleanup.defer(() => browser.close());
    // The browser's first page starts processes of its own; no viewer waits for that.
    await using warm = await openWatchPage(browser, show.viewer.urls.watch, { player: 'hls' });
    await warm.playing(15_000);
  });
  after(() => cleanup.disposeAsync());

  test(`hls plays for ${WATCHED_S} s, and through a new certificate`, async (context) => {
    const tries = [await watch('hls', WATCHED_S, renew)];
    // Two cores that also draw and encode are now and then busy elsewhere; what stalls by itself stalls each time.
    while (!isSmooth(tries.at(-1)) && tries.length < TRIES) tries.push(await watch('hls', WATCHED_S, renew));
    context.diagnostic(JSON.stringify(tries));
    assert.ok(isSmooth(tries.at(-1)), JSON.stringify(tries));
  });

  for (const player of ['dash', 'shaka'] as const) {
    test(`${player} plays`, async () => {
      await watch(player, OTHERS_S, () => Promise.resolve());
    });
  }

  test("a pull zone's film is had by ranges", async () => {
    await using seen = await openWatchPage(browser, show.viewer.urls.watch, { player: 'hls' });
    const url = `${edgeUrl}/library/film`;
    for (const [range, from, end] of [
      ['bytes=1000000-1000099', 1_000_000, 1_000_100],
      ['bytes=1000050-1048999', 1_000_050, 1_049_000],
      ['bytes=3000000-', 3_000_000, FILM.length],
    ] as const) {
      const came = await fetchIn(seen.page, url, range);
      assert.equal(came.status, 206);
      assert.equal(came.contentRange, `bytes ${from}-${end - 1}/${FILM.length}`);
      assert.equal(came.sha256, sha256(FILM.subarray(from, end)));
    }
    assert.deepEqual(await protocolsOf(seen.page, url), { h2: 3 });
  });

  interface Watched {
    /** the longest time without a new frame */
    readonly stillMs: number;
    readonly refused: readonly string[];
    readonly answers: number;
  }

  function isSmooth(watched: Watched | undefined): boolean {
    return watched !== undefined && watched.stillMs <= NOTICED_MS && watched.refused.length === 0;
  }

  /** @param meanwhile what happens in the middle */
  async function watch(
    player: PlayerName,
    seconds: number,
    meanwhile: (page: WatchPage) => Promise<void>,
  ): Promise<Watched> {
    await using page = await openWatchPage(browser, show.viewer.urls.watch, { player });
    const broken: string[] = [];
    page.page.on('requestfailed', (request) => {
      const why = request.failure()?.errorText ?? '';
      // What a player gives up by itself is no failure.
      if (why !== 'net::ERR_ABORTED') broken.push(`${why} ${request.url()}`);
    });
    await page.playing(20_000);
    const startS = await page.currentTime();
    await advance(page, startS + seconds / 2);
    await meanwhile(page);
    await advance(page, startS + seconds);
    const { freezes } = await page.seen();
    const protocols = await protocolsOf(page.page, edgeUrl);
    assert.deepEqual(Object.keys(protocols), ['h2']);
    assert.ok((protocols['h2'] ?? 0) >= seconds, `${protocols['h2']} answers`);
    assert.deepEqual(broken, []);
    return {
      stillMs: Math.round(Math.max(0, ...freezes.map(({ ms }) => ms))),
      refused: page.refused,
      answers: protocols['h2'] ?? 0,
    };
  }

  /** Puts the other pair into the files. */
  async function renew(): Promise<void> {
    const now = await certificateOf(edgeUrl);
    const next = pairs.find((pair) => print(pair) !== now) ?? assert.fail();
    await writeFile(files.certFile, next.cert);
    await writeFile(files.keyFile, next.key);
    await until('the new certificate', 15_000, async () => (await certificateOf(edgeUrl)) === print(next));
  }
});

async function advance(page: WatchPage, toS: number): Promise<void> {
  await until('the player to play on', 30_000, async () => (await page.currentTime()) > toS);
}

/** What a browser's resource timing has besides node's. */
interface Timing {
  readonly name: string;
  readonly nextHopProtocol: string;
  /** 0 for what was given up before its head came */
  readonly responseStatus: number;
}

/** How many answers of an edge came by which protocol, as the browser knows it. */
function protocolsOf(page: Page, prefix: string): Promise<Record<string, number>> {
  return page.evaluate((begin) => {
    const counts: Record<string, number> = {};
    for (const entry of performance.getEntriesByType('resource') as unknown as Timing[]) {
      if (!entry.name.startsWith(begin) || entry.responseStatus === 0) continue;
      counts[entry.nextHopProtocol] = (counts[entry.nextHopProtocol] ?? 0) + 1;
    }
    return counts;
  }, prefix);
}

interface Fetched {
  readonly status: number;
  readonly contentRange: string | null;
  readonly sha256: string;
}

function fetchIn(page: Page, url: string, range: string): Promise<Fetched> {
  return page.evaluate(
    async ([target, wanted]) => {
      const response = await fetch(target, { headers: { range: wanted } });
      const digest = await crypto.subtle.digest('SHA-256', await response.arrayBuffer());
      return {
        status: response.status,
        contentRange: response.headers.get('content-range'),
        sha256: Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join(''),
      };
    },
    [url, range] as const,
  );
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** As the browser is told which keys to trust. */
function keyHash(cert: string): string {
  const key = new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(key).digest('base64');
}

function print({ cert }: { readonly cert: string }): string {
  return new X509Certificate(cert).fingerprint256;
}

/** What a client that comes now is shown. */
async function certificateOf(url: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { raw } = socket.getPeerCertificate();
  socket.destroy();
  return new X509Certificate(raw).fingerprint256;
}

/** A film that pages of every site may have. */
function startLibrary(): ReturnType<typeof startLoopbackServer> {
  return startLoopbackServer(({ headers }, response) => {
    const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? [];
    const fields = {
      'access-control-allow-origin': '*',
      'access-control-expose-headers': 'content-range',
      'timing-allow-origin': '*',
      'cache-control': 'max-age=3600',
      etag: '"film"',
    };
    if (first === undefined) return void response.writeHead(200, fields).end(FILM);
    const end = last === '' ? FILM.length : Math.min(Number(last) + 1, FILM.length);
    response.writeHead(206, { ...fields, 'content-range': `bytes ${first}-${end - 1}/${FILM.length}` });
    response.end(FILM.subarray(Number(first), end));
  });
}

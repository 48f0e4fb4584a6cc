/** Every URL that the players fetch from an edge is closed to whoever has no good token for it, on every edge. */

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Problem } from '@headwater/protocol/problem';
import { openWatchPage, startBrowser, type PlayerName } from '../fleet/browser.ts';
import { startFleet, type Fleet, type OnAir } from '../fleet/fleet.ts';
import { read } from '../fleet/stream-reader.ts';
import type { Viewer } from '../fleet/viewer.ts';

const WATCH_MS = 5_000;
const PLAYERS: readonly PlayerName[] = ['hls', 'hls-ts', 'dash', 'shaka'];
const AT_ONCE = 24;
/** Long enough to be let in, over before the players are done. */
const BRIEF_SECONDS = 5;

/** What the players fetch, by kind; a run that lacks one would prove nothing about it. */
const KINDS: Readonly<Record<string, RegExp>> = {
  'multivariant playlist': /\/live\/show\/(?:master|ts)\.m3u8$/,
  MPD: /\/manifest\.mpd$/,
  'media playlist': /\/live\/show\/[a-z]\d+\/(?:media|ts)\.m3u8/,
  init: /\/init\.mp4$/,
  part: /\/\d+\.\d+\.m4s$/,
  segment: /\/\d+\.m4s$/,
  'TS segment': /\/\d+\.ts$/,
};

suite('replayed URLs', () => {
  let fleet: Fleet;
  let show: OnAir;
  let foreign: Viewer;
  let brief: Viewer;
  let recorded: readonly URL[];

  before(async () => {
    fleet = await startFleet();
    show = await fleet.putOnAir('show');
    const other = await fleet.putOnAir('other', { source: plainPicture });
    foreign = other.viewer;
    await other.publisher[Symbol.asyncDispose]();
    brief = await fleet.admit('show', BRIEF_SECONDS);
    recorded = await recordPlayers(fleet, show);
  });
  after(() => fleet?.[Symbol.asyncDispose]());

  test('the players fetched every kind of thing', () => {
    for (const [kind, pattern] of Object.entries(KINDS)) {
      assert.ok(
        recorded.some(({ pathname }) => pattern.test(pathname)),
        `no ${kind} among ${recorded.length} URLs`,
      );
    }
  });

  test('with its own token the newest segment of each kind is there, on both edges', async () => {
    for (const kind of ['init', 'segment', 'TS segment']) {
      const url = recorded.findLast(({ pathname }) => KINDS[kind]?.test(pathname));
      for (const edge of fleet.plan.edgeUrls) {
        const { status } = await read(`${edge}${url?.pathname}`);
        assert.equal(status, 200, `${edge}${url?.pathname}`);
      }
    }
  });

  const thefts: Readonly<Record<string, (url: URL, index: number) => string>> = {
    'no token': (url) => url.pathname.replace(/^\/t\/[^/]+/, ''),
    'an empty token': (url) => url.pathname.replace(/^\/t\/[^/]+/, '/t/'),
    'a foreign token': (url) => withToken(url, tokenOf(foreign.path)),
    'an expired token': (url) => withToken(url, tokenOf(brief.path)),
    'an altered token': (url, index) => withToken(url, altered(tokenOf(url.pathname), index)),
  };
  for (const [name, steal] of Object.entries(thefts)) {
    test(`${name}: 403 for every URL, on both edges`, async (context) => {
      const attempts = fleet.plan.edgeUrls.flatMap((edge) =>
        recorded.map((url, index) => `${edge}${steal(url, index)}${url.search}`),
      );
      const codes = new Set<string>();
      await inTurns(attempts, async (url) => {
        const { status, headers, body } = await read(url);
        const text = Buffer.from(body).toString();
        assert.equal(status, 403, `${url}: ${status} ${text.slice(0, 200)}`);
        assert.equal(headers.get('content-type'), 'application/problem+json', url);
        codes.add((JSON.parse(text) as Problem).code);
      });
      context.diagnostic(`${attempts.length} requests, codes ${[...codes].join(', ')}`);
    });
  }

  test('each single character of a token counts', async () => {
    const url = recorded.findLast(({ pathname }) => KINDS['init']?.test(pathname));
    assert.ok(url !== undefined);
    const token = tokenOf(url.pathname);
    for (let index = 0; index < token.length; index += 1) {
      const { status } = await read(`${fleet.plan.edgeUrls[0]}${withToken(url, altered(token, index))}`);
      assert.equal(status, 403, `character ${index} of ${token.length}`);
    }
  });
});

/** A quarter of a core less than the test picture. */
function plainPicture(publishUrl: string): string[] {
  const picture = [
    '-re',
    '-f',
    'lavfi',
    '-i',
    'testsrc=size=426x240:rate=30',
    '-f',
    'lavfi',
    '-i',
    'sine=sample_rate=48000',
  ];
  const video = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '60', '-pix_fmt', 'yuv420p'];
  return ['-v', 'warning', '-nostdin', ...picture, ...video, '-c:a', 'aac', '-f', 'flv', publishUrl];
}

/** Every URL at an edge that the players ask for, each once. */
async function recordPlayers(fleet: Fleet, show: OnAir): Promise<URL[]> {
  const browser = await startBrowser();
  const urls = new Map<string, URL>();
  const onRequest = (url: string): void => {
    if (fleet.plan.edgeUrls.some((edge) => url.startsWith(`${edge}/t/`))) urls.set(url, new URL(url));
  };
  try {
    for (const player of PLAYERS) {
      await using page = await openWatchPage(browser, show.viewer.urls.watch, { player, onRequest });
      await page.playing(15_000);
      await delay(WATCH_MS);
    }
  } finally {
    await browser.close();
  }
  return [...urls.values()];
}

function tokenOf(path: string): string {
  return path.split('/')[2] ?? '';
}

function withToken(url: URL, token: string): string {
  return url.pathname.replace(/^\/t\/[^/]+/, `/t/${token}`);
}

/** One character changed to another of the token's alphabet; which one goes with the index. */
function altered(token: string, index: number): string {
  const at = index % token.length;
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
}

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}

/** The line between an edge and the origin goes dead, or something else answers on it: its players go on, and nobody sees it. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, after, before, suite, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { openWatchPage, startBrowser, type PlayerName } from '../fleet/browser.ts';
import { Child } from '../fleet/child.ts';
import { childEnvironment } from '../fleet/config.ts';
import { startFleet, type Fleet, type OnAir } from '../fleet/fleet.ts';
import { makeNamespace, type NetworkNamespace, noNamespaces } from '../fleet/network-namespace.ts';
import { onAirFor } from '../fleet/stream-reader.ts';
import { until } from '../fleet/until.ts';

const SICK = 'edge-2';
const PEER = 'edge-1';
const FAULTS = ['nothing comes on it', 'what comes is no HTTP'] as const;
type Fault = (typeof FAULTS)[number];
/** A picture that stands for longer is a freeze; who plays a second behind live may stutter for less. */
const NOTICED_MS = 500;
/** How long a picture may stand, by how much media each has ahead as it is set up. */
const PLAYERS: readonly { readonly player: PlayerName; readonly stillMs: number; readonly faults: readonly Fault[] }[] =
  [
    { player: 'hls-classic', stillMs: NOTICED_MS - 1, faults: [FAULTS[0]] },
    { player: 'hls-ts', stillMs: NOTICED_MS - 1, faults: [FAULTS[0]] },
    { player: 'hls', stillMs: NOTICED_MS, faults: FAULTS },
    { player: 'dash', stillMs: NOTICED_MS, faults: FAULTS },
    { player: 'shaka', stillMs: NOTICED_MS, faults: FAULTS },
  ];
const SETTLED_S = 3;
/**
 * When the line goes: media time is the wall clock's, and segments begin with every other second. Here a player that is given
 * the segment anew already shows it, and has most of it still to come: no other moment is as bad.
 */
const SEGMENT_MS = 2_000;
const STRUCK_MS = { from: 750, to: 850 } as const;
/** Watched from the fault on: more than any of them has ahead. */
const WATCHED_S = 10;
const BABBLER = join(import.meta.dirname, '../fleet/babbler-process.ts');
const SEGMENTS = 6;

const MISSING = noNamespaces();

suite('the origin is lost to an edge under its players', () => {
  const cleanup = new AsyncDisposableStack();
  let network: NetworkNamespace;
  let fleet: Fleet;
  let show: OnAir;
  let browser: Browser;
  before(async () => {
    if (MISSING !== null) return;
    network = cleanup.use(makeNamespace());
    fleet = cleanup.use(
      await startFleet({
        edges: 2,
        arrange(service) {
          const at = (url: string | undefined, host: string): string => `http://${host}:${new URL(url ?? '').port}`;
          const { variables } = service;
          // The origin is reached by the cable that can be disturbed.
          if (service.name === 'origin')
            return { ...service, variables: { ...variables, HEADWATER_PUBLIC_HOST: network.control.here } };
          if (service.name !== SICK) return service;
          const url = at(service.url, network.media.there);
          const own = {
            HEADWATER_CONTROL_URL: at(variables['HEADWATER_CONTROL_URL'], network.media.here),
            HEADWATER_EDGE_PUBLIC_URL: url,
          };
          return { ...service, url, variables: { ...variables, ...own }, prefix: network.prefix };
        },
      }),
    );
    show = await fleet.putOnAir('show');
    await onAirFor(`${fleet.plan.edgeUrls[0]}${show.viewer.path}/classic.m3u8`, SEGMENTS);
    browser = await startBrowser();
    cleanup.defer(() => browser.close());
  });
  after(() => cleanup.disposeAsync());

  for (const fault of FAULTS) {
    for (const { player, stillMs, faults } of PLAYERS) {
      if (!faults.includes(fault)) continue;
      test(`${player}: ${fault}`, async (context) => {
        if (MISSING !== null) return context.skip(MISSING);
        const judge = ({ waits, still, refused }: Watched): string | null => {
          if (still > stillMs) return `its picture stood still for ${still} ms`;
          if (waits > 0 && stillMs < NOTICED_MS) return 'it ran out of media';
          return refused.length > 0 ? `it was refused: ${refused.join(', ')}` : null;
        };
        // Two cores that also draw and encode are now and then busy elsewhere; what is wrong by itself is wrong each time.
        const first = judge(await watchThrough(player, fault, context));
        const second = first === null ? null : judge(await watchThrough(player, fault, context));
        assert.equal(second, null, `${first}; and again: ${second}`);
      });
    }
  }

  interface Watched {
    /** how often it had to wait for media, and the longest time without a new frame */
    readonly waits: number;
    readonly still: number;
    readonly refused: readonly string[];
  }

  /** Lets a player settle on the edge, strikes, and watches it go on from the other. */
  async function watchThrough(player: PlayerName, fault: Fault, context: TestContext): Promise<Watched> {
    await fleet.api.drain(PEER, true);
    await become(PEER, 'draining');
    await using page = await openWatchPage(browser, show.viewer.urls.watch, { player });
    await page.playing(20_000);
    await fleet.api.drain(PEER, false);
    await become(PEER, 'serving');
    const settledS = (await page.currentTime()) + SETTLED_S;
    const before = await until('the player to settle on the edge', 20_000, async () => {
      const seen = await page.seen();
      return seen.stats.currentTime > settledS && seen.stats.edge === SICK ? seen : null;
    });
    await until('the line to be struck in the middle of a segment', 10 * SEGMENT_MS, () => {
      const atMs = Date.now() % SEGMENT_MS;
      return atMs >= STRUCK_MS.from && atMs < STRUCK_MS.to;
    });
    const faultMs = Date.now();
    await using _ = await inflict(fault);
    await until('the player to play on', (WATCHED_S + 15) * 1_000, async () => {
      return (await page.currentTime()) > before.stats.currentTime + WATCHED_S;
    });
    const { stats, waits, freezes } = await page.seen();
    const still = Math.round(Math.max(0, ...freezes.filter(({ atMs }) => atMs > faultMs).map(({ ms }) => ms)));
    const watched = { waits: waits.length - before.waits.length, still, refused: page.refused };
    context.diagnostic(
      `went on from ${stats.edge}, ${JSON.stringify({ ...watched, buffer: before.stats.bufferSeconds })}`,
    );
    assert.equal(stats.edge, PEER);
    return watched;
  }

  async function inflict(fault: Fault): Promise<AsyncDisposable> {
    const undo = new AsyncDisposableStack();
    if (fault === 'nothing comes on it') {
      undo.use(network.misdirect());
    } else {
      undo.use(network.shadow());
      const args = [
        ...network.prefix,
        process.execPath,
        BABBLER,
        network.control.here,
        new URL(fleet.plan.originUrl).port,
      ];
      const [command = '', ...rest] = args;
      const babbler = undo.use(new Child({ name: 'babbler', command, args: rest, env: childEnvironment() }));
      await babbler.says(/babbling/, 5_000);
    }
    return undo;
  }

  /** Waits until geo thinks so of an edge; what geo knows the edges know. */
  async function become(edge: string, condition: string): Promise<void> {
    await until(`${edge} to be ${condition}`, 40_000, async () => {
      const response = await fetch(show.viewer.urls.hls, { headers: { accept: 'application/json' } });
      const { edges } = (await response.json()) as { readonly edges: readonly { id: string; condition: string }[] };
      return edges.find(({ id }) => id === edge)?.condition === condition;
    });
  }
});

/**
 * An origin dies under its publisher, who comes back through the same publish URL on another origin: a balancer stands in front
 * of both. Readers find numbers that go on, and a player plays on.
 */

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { testPictureArguments } from '@headwater/cli/src/test-picture.ts';
import { openWatchPage, startBrowser } from '../fleet/browser.ts';
import type { Child } from '../fleet/child.ts';
import { startFleet, type Fleet, type OnAir } from '../fleet/fleet.ts';
import { publishTestPicture } from '../fleet/publisher.ts';
import { SegmentReader } from '../fleet/segment-reader.ts';
import { type Balancer, startBalancer } from '../fleet/tcp-balancer.ts';
import { until } from '../fleet/until.ts';

/** The dead origin's claim lapses with its heartbeats; then an encoder has to start, and to fill a segment. */
const BACK_WITHIN_MS = 15_000;
const PLAYED_SECONDS = 6;

suite('an origin dies under its publisher', () => {
  const cleanup = new AsyncDisposableStack();
  let fleet: Fleet;
  let balancer: Balancer;
  let show: OnAir;
  let publishUrl: string;
  let browser: Browser;
  before(async () => {
    fleet = cleanup.use(await startFleet({ edges: 1, origins: 2 }));
    balancer = cleanup.use(await startBalancer(fleet.plan.rtmpUrls.map((url) => Number(new URL(url).port))));
    show = await fleet.putOnAir('show', {
      source(url) {
        publishUrl = url.replace(/:\d+\//, `:${balancer.port}/`);
        return testPictureArguments({ url: publishUrl });
      },
    });
    browser = await startBrowser();
    cleanup.defer(() => browser.close());
  });
  after(() => cleanup.disposeAsync());

  async function originOfShow(): Promise<unknown> {
    const answer = await fleet.api.request('GET', '/v1/streams/show');
    return ((await answer.json()) as { readonly origin: unknown }).origin;
  }

  test('it comes back on the other one: numbers go on, and a player plays on', async (context) => {
    assert.equal(await originOfShow(), 'origin');
    await using reader = new SegmentReader(`${fleet.plan.edgeUrls[0]}${show.viewer.path}`);
    await using page = await openWatchPage(browser, show.viewer.urls.watch, { player: 'hls-classic' });
    await page.playing(20_000);
    await until('the reader to read', 20_000, () => reader.numbers.length >= 3);
    const [mark, epochs] = [reader.mark(), reader.epochs.size];

    await fleet.services.get('origin')?.kill();
    const killedMs = performance.now();
    await using publishers = new AsyncDisposableStack();
    let publisher: Child = show.publisher;
    await until('the other origin to publish it', BACK_WITHIN_MS, async () => {
      // As an encoder does that is set to reconnect.
      if (publisher.exit !== undefined) publisher = publishers.use(publishTestPicture(publishUrl));
      return (await originOfShow()) === 'origin-2';
    });
    const claimedMs = Math.round(performance.now() - killedMs);
    await until('a segment of the other origin', BACK_WITHIN_MS, () => reader.epochs.size > epochs);
    const backMs = Math.round(performance.now() - killedMs);
    await reader.goesOn(reader.mark(), 'with gaps told');
    assert.deepEqual(reader.missedSince(mark), [], 'a number between the two origins was never told');
    assert.equal(reader.epochs.size, epochs + 1);
    assert.deepEqual(reader.broken, []);

    const { stats } = await page.seen();
    await until('the player to play on', 30_000, async () => {
      return (await page.currentTime()) > stats.currentTime + PLAYED_SECONDS;
    });
    const { freezes } = await page.seen();
    const still = Math.round(Math.max(0, ...freezes.map(({ ms }) => ms)));
    context.diagnostic(
      `claimed after ${claimedMs} ms, the next segment after ${backMs} ms; the picture stood still for ${still} ms`,
    );
    assert.ok(backMs < BACK_WITHIN_MS);
  });
});

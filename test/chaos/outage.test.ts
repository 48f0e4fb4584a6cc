/**
 * Consul, Redis and the control plane are all gone: whoever watches goes on, whoever has a token is let in, and afterwards
 * everything comes together by itself. In CI the outage is longer than a heartbeat's lapse, the deadline of a feed poll's retry
 * and what the player has ahead; `npm run bench:outage` takes ten minutes.
 */

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { startTestConsul, type TestConsul } from '@headwater/control-plane/src/test-consul.ts';
import { startTestRedis, type TestRedis } from '@headwater/control-plane/src/test-redis.ts';
import type { Browser } from 'playwright-core';
import { openWatchPage, startBrowser } from '../fleet/browser.ts';
import { OUTAGE_SECONDS } from '../fleet/config.ts';
import { startFleet, type Fleet, type OnAir } from '../fleet/fleet.ts';
import { onAirFor } from '../fleet/stream-reader.ts';
import { until } from '../fleet/until.ts';

const AHEAD_SECONDS = 4.5;
const SEGMENTS = 6;

suite('an outage of everything that knows', () => {
  let consul: TestConsul;
  let redis: TestRedis;
  let fleet: Fleet;
  let show: OnAir;
  let browser: Browser;
  before(async () => {
    consul = await startTestConsul();
    redis = await startTestRedis({ durable: true });
    fleet = await startFleet({ environment: { CONSUL_HTTP_ADDR: consul.url, REDIS_URL: redis.url } });
    show = await fleet.putOnAir('show');
    await onAirFor(`${fleet.plan.edgeUrls[0]}${show.viewer.path}/classic.m3u8`, SEGMENTS);
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.close();
    await fleet?.[Symbol.asyncDispose]();
    await Promise.all([consul?.[Symbol.asyncDispose](), redis?.[Symbol.asyncDispose]()]);
  });

  test('players play on, new viewers with tokens start, and it all converges', async (context) => {
    const instances = (await consul.ask('/health/service/headwater-node')) as readonly unknown[];
    assert.equal(instances.length, 4, 'origin, geo and two edges stand in Consul');
    const late = await fleet.api.createToken({ stream: 'show', ttlSeconds: 3_600 });
    // With seconds of media ahead, so that two cores that also start and kill servers are not what is judged.
    await using page = await openWatchPage(browser, show.viewer.urls.watch, { player: 'hls-classic' });
    await page.playing(15_000);
    await until(
      'the player to have media ahead',
      30_000,
      async () => (await page.seen()).stats.bufferSeconds > AHEAD_SECONDS,
    );
    const before = await page.seen();

    await Promise.all([consul.kill(), redis.kill(), fleet.services.get('control-plane')?.kill()]);
    const goneMs = performance.now();
    await until('the player to play through it', 2 * OUTAGE_SECONDS * 1_000, async () => {
      return (await page.currentTime()) > before.stats.currentTime + OUTAGE_SECONDS;
    });
    const seen = await page.seen();
    assert.deepEqual(seen.waits, before.waits, `it stalled: ${seen.stats.errors.join('; ')}`);
    await using other = await openWatchPage(browser, late.urls.watch, { player: 'dash' });
    await other.playing(15_000);
    context.diagnostic(`played through ${Math.round((performance.now() - goneMs) / 1_000)} s, a new viewer started`);

    await Promise.all([redis.start(), consul.start()]);
    await fleet.restart('control-plane');
    const backMs = performance.now();
    await until('every node to be healthy again', 20_000, async () => {
      const nodes = await fleet.api.nodes();
      return nodes.length === 4 && nodes.every(({ healthy }) => healthy);
    });
    // Until its breaker has seen Redis answer, the control plane says 503 with a Retry-After: an operator asks again.
    await until('the state to take a write again', 20_000, async () => {
      const made = await fleet.api.createStream({ name: 'after', policy: 'public' }).catch((error: unknown) => {
        if (String(error).includes('state_unavailable')) return undefined;
        throw error;
      });
      return made?.stream === 'after';
    });
    await until('both edges to know a new stream', 20_000, async () => {
      const answers = await Promise.all(fleet.plan.edgeUrls.map((edge) => fetch(`${edge}/live/after/master.m3u8`)));
      const codes = await Promise.all(answers.map(async (answer) => ((await answer.json()) as { code: string }).code));
      return codes.every((code) => code === 'stream_offline');
    });
    await until('Consul to know the fleet again', 20_000, async () => {
      const passing = (await consul.ask('/health/service/headwater-node?passing=true')) as readonly unknown[];
      return passing.length === 4;
    });
    context.diagnostic(`converged in ${Math.round(performance.now() - backMs)} ms`);
    assert.deepEqual(page.refused, []);
  });
});

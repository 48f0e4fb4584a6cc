/** A purge with 100,000 objects in RAM and on disk: how soon it holds, and how long it keeps others waiting. */

import assert from 'node:assert/strict';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { test } from 'node:test';
import type { FeedPage } from '@headwater/protocol/feed';
import { ManualClock } from '@headwater/service/clock';
import { storedHead } from '../http-cache/stored-head.ts';
import { RamShare } from '../ram-share.ts';
import type { Entry } from './entry.ts';
import { Unsent } from '../unsent.ts';
import { type ZoneTiers, openTiers } from './open-tiers.ts';

const OBJECTS = 100_000;
const EFFECT_LIMIT_MS = 5;
/** Other processes on a busy machine may hold one up. */
const ROUNDS = 15;

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Infinity;
}

function entryOf(n: number): Entry {
  const name = `/dir${n % 100}/object${n}`;
  const purge = { seq: 0, checkedSeq: 0, isStale: false, isVoid: false };
  const head = storedHead(
    { method: 'GET', fields: [] },
    { status: 200, fields: ['Cache-Control', 'max-age=3600', 'Content-Length', '0'] },
    { requestMs: 0, responseMs: 0 },
  );
  const variant = { id: `v${n}`, head, lengthBytes: 0, tags: ['zone:site', `tag${n}`, 'all'], purge };
  return { key: `site\n\n${name}`, host: '', name, seq: 0, variants: [variant] };
}

/** Whether it may be answered with; marks what is not. */
async function isKept({ tiers, purges }: ZoneTiers, { key }: Entry): Promise<boolean> {
  const entry = await tiers.entry(key);
  const [variant] = entry?.variants ?? [];
  if (entry === undefined || variant === undefined) return false;
  const { host, name: path } = entry;
  return purges.judge({ host, path, tags: variant.tags, mark: variant.purge }) === 'kept';
}

function pageOf(n: number, order: object): FeedPage {
  const purge = { id: `p${n}`, soft: false, atMs: 0, ...order };
  return { cursor: `c${n}`, snapshot: false, messages: [{ type: 'purge', purge }] };
}

test('a purge holds within 5 ms with 100,000 objects in RAM and on disk', async (context) => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-purge-'));
  const limits = { ramBytes: 1024 ** 3, diskBytes: 1024 ** 3 };
  const config = { limits, cacheDirectory: join(directory.path, 'cache') } as Parameters<typeof openTiers>[0]['config'];
  const fail = (error: unknown): never => assert.fail(String(error));
  const events = { diskLost: fail, purgeNotNoted: fail };
  const ledger = new Unsent({ limitBytes: Infinity, onCut: () => undefined });
  const share = new RamShare(limits.ramBytes);
  const zone = await openTiers({ config, share, ledger, clock: new ManualClock(0), events });
  const entries = Array.from({ length: OBJECTS }, (_, n) => entryOf(n));
  for (const [n, entry] of entries.entries()) {
    zone.tiers.putEntry(entry);
    if (n % 1_000 === 0) await new Promise(setImmediate);
  }
  assert.equal(zone.tiers.ram.count, OBJECTS);
  const orders = Array.from(
    { length: ROUNDS },
    (_, n): readonly [order: object, reached: number] =>
      [
        [{ url: `/dir${n}/object${n}` }, n] as const,
        [{ tag: `tag${n}` }, n] as const,
        [{ prefix: `https://www.example/dir${n}/` }, n] as const,
      ][n % 3] ?? [{}, n],
  );
  const effectsMs: number[] = [];
  for (const [n, [order, reached]] of orders.entries()) {
    const gone = entries[reached] as Entry;
    assert.equal(await isKept(zone, gone), true);
    const startMs = performance.now();
    const noted = zone.purgeAfter(pageOf(n, order));
    assert.equal(await isKept(zone, gone), false);
    effectsMs.push(performance.now() - startMs);
    await noted;
    assert.equal(await isKept(zone, entries[OBJECTS - 1 - n] as Entry), true, JSON.stringify(order));
  }
  const medianMs = median(effectsMs);
  await zone.purgeAfter(pageOf(ROUNDS, { tag: 'zone:site' }));
  const lag = monitorEventLoopDelay({ resolution: 1 });
  lag.enable();
  const startMs = performance.now();
  await zone.tiers.sweep();
  lag.disable();
  const swept = `all swept in ${(performance.now() - startMs).toFixed(0)} ms, which kept others waiting ${(lag.max / 1e6).toFixed(0)} ms`;
  context.diagnostic(`in effect after ${medianMs.toFixed(2)} ms (p50 of ${ROUNDS}); ${swept} at most`);
  assert.ok(medianMs < EFFECT_LIMIT_MS, `${medianMs} ms`);
  assert.equal(zone.tiers.ram.count, 0, 'and the sweep has cleared it all');
  await zone.tiers.close();
});

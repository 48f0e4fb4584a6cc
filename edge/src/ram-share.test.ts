import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCache } from './cache.ts';
import { RamShare } from './ram-share.ts';
import { storeMedia } from './stored.ts';
import { Tiers } from './tiers/tiers.ts';

const MIB = 1024 * 1024;
const LIMIT = 32 * MIB;

async function sharers() {
  const share = new RamShare(LIMIT);
  const cache = createCache(LIMIT, { onGrown: () => share.settle() });
  const tiers = await Tiers.open({
    ramBytes: LIMIT,
    ramLimitBytes: () => share.objectsLimitBytes(),
    onRamGrown: () => share.settle(),
    seed: 1,
    disk: null,
    judge: { judge: (entry) => entry, isJudgedTo: () => undefined },
  });
  share.divide(cache, { ramBytes: () => tiers.ram.bytes, trimRam: () => tiers.trimRam() });
  const check = (): void => assert.ok(cache.calculatedSize + tiers.ram.bytes <= LIMIT);
  return {
    cache,
    tiers,
    segment(name: number): void {
      cache.set(`s${name}`, storeMedia(`s${name}`, Buffer.alloc(MIB), { mediaType: 'video/mp4', madeMs: 0 }));
      assert.ok(cache.has(`s${name}`), 'a new segment is held, whatever else is');
      check();
    },
    object(name: number): void {
      tiers.putSlice(`v${name}`, 0, { offset: 0, bytes: Buffer.alloc(MIB) });
      check();
    },
  };
}

test('either has nearly all while the other wants nothing, and half for certain when it does', async () => {
  const streamsFirst = await sharers();
  for (let name = 0; name < 40; name += 1) streamsFirst.segment(name);
  assert.ok(streamsFirst.cache.calculatedSize > LIMIT - 2 * MIB);
  for (let name = 0; name < 40; name += 1) streamsFirst.object(name);
  assert.ok(streamsFirst.tiers.ram.bytes > LIMIT / 2 - 3 * MIB, `${streamsFirst.tiers.ram.bytes}`);
  assert.ok(streamsFirst.cache.calculatedSize >= LIMIT / 2 - 2 * MIB);

  const objectsFirst = await sharers();
  for (let name = 0; name < 40; name += 1) objectsFirst.object(name);
  assert.ok(objectsFirst.tiers.ram.bytes > LIMIT - 4 * MIB, `${objectsFirst.tiers.ram.bytes}`);
  for (let name = 0; name < 40; name += 1) objectsFirst.segment(name);
  assert.ok(objectsFirst.cache.calculatedSize > LIMIT / 2 - 2 * MIB);
  assert.ok(objectsFirst.tiers.ram.bytes > LIMIT / 2 - 4 * MIB, `${objectsFirst.tiers.ram.bytes}`);
});

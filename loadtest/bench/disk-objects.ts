/** A million small objects for the edge's disk tier, each of which tells its number. */

import type { TierEntry } from '@headwater/edge/src/tiers/tier-entry.ts';
import { Tiers } from '@headwater/edge/src/tiers/tiers.ts';
import { systemClock } from '@headwater/service/clock';

const MIB = 1024 * 1024;
const DISK_BYTES = 4 * 1024 * MIB;

/** Too little RAM to help: what is asked for comes from disk. */
export function openDisk(directory: string): Promise<Tiers<TierEntry>> {
  return Tiers.open<TierEntry, unknown>({
    ramBytes: 16 * MIB,
    seed: 1,
    disk: { directory, limitBytes: DISK_BYTES, clock: systemClock, random: Math.random },
    judge: { judge: (entry) => entry, isJudgedTo: () => undefined },
  });
}

export function storeObjects(tiers: Tiers<TierEntry>, from: number, count: number): void {
  for (let index = from; index < from + count; index += 1) {
    const head = { fields: ['Content-Type', 'image/webp', 'Cache-Control', 'max-age=86400', 'ETag', `"${index}"`] };
    const variants = [{ id: `v${index}`, head, lengthBytes: contentOf(index).length, tags: [] }];
    tiers.putEntry({ key: `site https://images.example/thumbnails/${index}.webp`, variants });
    tiers.putSlice(`v${index}`, 0, { offset: 0, bytes: contentOf(index) });
  }
}

/** Whether an object is there; throws if it is not what was stored. */
export async function hasObject(tiers: Tiers<TierEntry>, index: number): Promise<boolean> {
  const entry = await tiers.entry(`site https://images.example/thumbnails/${index}.webp`);
  const slice = await tiers.slice(`v${index}`, 0);
  if (entry === undefined || slice === undefined) return false;
  if (!slice.bytes.equals(contentOf(index))) throw new Error(`object ${index} has other bytes`);
  return true;
}

function contentOf(index: number): Buffer {
  return Buffer.alloc(300 + (index % 400), `object ${index};`);
}

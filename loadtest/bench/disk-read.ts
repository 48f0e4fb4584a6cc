/** What it costs to read a slice from disk, verified, against reading a file of the same length. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DiskStore } from '@headwater/edge/src/tiers/disk/disk-store.ts';
import { systemClock } from '@headwater/service/clock';
import { quantile } from '@headwater/test/fleet/quantile.ts';
import type { Figure, FigureResult } from './figure.ts';

const MIB = 2 ** 20;
const SLICES = 128;
const ROUNDS = 9;

export const diskRead: Figure = {
  name: 'disk-read',
  description: `Slices of 1 MiB read one after the other from the page cache: by the disk tier, checksum included, and by readFile from a file each; ${ROUNDS} rounds of ${SLICES}, interleaved. Processor time of the whole process.`,
  run: measure,
};

async function measure(): Promise<FigureResult> {
  const directory = await mkdtemp(join(tmpdir(), 'headwater-read-'));
  try {
    const limitBytes = 512 * MIB;
    const store = await DiskStore.open({
      directory: join(directory, 'cache'),
      limitBytes,
      clock: systemClock,
      random: Math.random,
    });
    for (let index = 0; index < SLICES; index += 1) {
      const payload = Buffer.alloc(MIB, index);
      await writeFile(join(directory, String(index)), payload);
      store.put({ name: String(index), payload, offset: 0, isEntry: false });
      await store.settled();
    }
    const costs: { readonly tier: Cost[]; readonly file: Cost[] } = { tier: [], file: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      costs.tier.push(await costOf(async (index) => (await store.get(String(index)))?.payload.length));
      costs.file.push(await costOf(async (index) => (await readFile(join(directory, String(index)))).length));
    }
    await store.close();
    const median = (of: readonly Cost[], what: keyof Cost): number =>
      quantile(
        of.map((cost) => cost[what]),
        0.5,
      );
    const file = median(costs.file, 'cpuUs');
    return {
      lines: [
        {
          what: 'a slice from disk',
          value: median(costs.tier, 'cpuUs'),
          unit: 'µs of processor time',
          // A checksum more, and a buffer that nobody may have used before.
          bound: { most: Math.round(file * 1.5) },
          note: `${median(costs.tier, 'wallUs').toFixed(0)} µs until it is there; readFile ${file.toFixed(0)} µs, ${median(costs.file, 'wallUs').toFixed(0)} µs`,
        },
      ],
    };
  } finally {
    await rm(directory, { recursive: true });
  }
}

interface Cost {
  readonly cpuUs: number;
  readonly wallUs: number;
}

async function costOf(read: (index: number) => Promise<number | undefined>): Promise<Cost> {
  const startedMs = performance.now();
  const cpu = process.cpuUsage();
  for (let index = 0; index < SLICES; index += 1) {
    if ((await read(index)) !== MIB) throw new Error(`slice ${index} is not there`);
  }
  const { user, system } = process.cpuUsage(cpu);
  return { cpuUs: (user + system) / SLICES, wallUs: ((performance.now() - startedMs) * 1_000) / SLICES };
}

/** What a crash costs the disk tier, and how long it takes until a million objects can be had again. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { seeded } from '@headwater/protocol/test-random';
import { quantile } from '@headwater/test/fleet/quantile.ts';
import { hasObject, openDisk } from './disk-objects.ts';
import type { Figure, FigureResult } from './figure.ts';

const OBJECTS = 1_000_000;
const LOOKED_AT = 20_000;
const STARTS = 3;
const MIB = 2 ** 20;

export const diskRestart: Figure = {
  name: 'disk-restart',
  description: `A process stores ${OBJECTS} small objects (an entry and a slice each) and is killed (SIGKILL) while it writes on; another opens the same directory, ${STARTS} times, and looks at ${LOOKED_AT} of those acknowledged a second before. Files in the page cache.`,
  run: measure,
};

async function measure(): Promise<FigureResult> {
  const directory = await mkdtemp(join(tmpdir(), 'headwater-restart-'));
  try {
    const killed = await writeAndKill(directory);
    const readyMs: number[] = [];
    let seen = { survivors: 0, objects: 0, indexBytes: 0, usedBytes: 0 };
    for (let start = 0; start < STARTS; start += 1) {
      const startedMs = performance.now();
      const tiers = await openDisk(directory);
      readyMs.push(performance.now() - startedMs);
      const random = seeded(start + 1);
      let survivors = 0;
      for (let look = 0; look < LOOKED_AT; look += 1) {
        if (await hasObject(tiers, Math.floor(random() * killed.acknowledged))) survivors += 1;
      }
      const { entries: objects = 0, indexMemoryBytes: indexBytes = 0, usedBytes = 0 } = tiers.disk ?? {};
      seen = { survivors, objects, indexBytes, usedBytes };
      await tiers.close();
    }
    return {
      lines: [
        {
          what: `ready with ${seen.objects} objects`,
          value: quantile(readyMs, 1),
          unit: 'ms',
          bound: { most: 2_000 },
          note: `the slowest of ${STARTS}: ${readyMs.map((ms) => ms.toFixed(0)).join(', ')}`,
        },
        {
          what: 'survivors of SIGKILL',
          value: (seen.survivors / LOOKED_AT) * 100,
          unit: '%',
          bound: { least: 99 },
          note: `${seen.survivors} of ${LOOKED_AT}, bytes compared`,
        },
        {
          what: 'memory of the index',
          value: seen.indexBytes / seen.objects,
          unit: 'B an object',
          bound: { most: 128 },
          note: `${(seen.indexBytes / MIB).toFixed(0)} MiB; ${(seen.usedBytes / MIB).toFixed(0)} MiB on disk`,
        },
        {
          what: 'storing an object',
          value: killed.storedUs,
          unit: 'µs',
          bound: null,
          note: `two records; the event loop stood still for ${killed.stallMs} ms at most`,
        },
      ],
    };
  } finally {
    await rm(directory, { recursive: true });
  }
}

interface Killed {
  /** a second before the end */
  readonly acknowledged: number;
  readonly storedUs: number;
  readonly stallMs: string;
}

async function writeAndKill(directory: string): Promise<Killed> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'disk-writing-process.ts'), directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const startedMs = performance.now();
  const told: { readonly atMs: number; readonly objects: number }[] = [];
  let stallMs = '';
  let storedUs = 0;
  for await (const line of createInterface(child.stdout)) {
    const [objects = '', stall = ''] = line.split(' ');
    told.push({ atMs: performance.now(), objects: Number(objects) });
    stallMs = stall;
    storedUs = ((performance.now() - startedMs) * 1_000) / Number(objects);
    // So many must have been acknowledged a second before the kill.
    const before = told.findLast(({ atMs }) => atMs < performance.now() - 1_000);
    if ((before?.objects ?? 0) >= OBJECTS) break;
  }
  const killedMs = performance.now();
  child.kill('SIGKILL');
  await ended;
  const acknowledged = told.findLast(({ atMs }) => atMs < killedMs - 1_000)?.objects ?? 0;
  return { acknowledged, storedUs, stallMs };
}

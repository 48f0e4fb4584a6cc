/**
 * Stores small objects on disk until it is killed: `disk-writing-process.ts DIRECTORY`. Prints, a line each, how many are
 * acknowledged as written and how long the event loop stood still at most, in ms.
 */

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { openDisk, storeObjects } from './disk-objects.ts';

const AT_ONCE = 1_000;
const [, , directory = ''] = process.argv;
const tiers = await openDisk(directory);
const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
for (let written = 0; ;) {
  storeObjects(tiers, written, AT_ONCE);
  await tiers.disk?.settled();
  written += AT_ONCE;
  process.stdout.write(`${written} ${(delay.max / 1e6).toFixed(1)}\n`);
}

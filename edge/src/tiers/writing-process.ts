/**
 * Stores objects until it is killed: `writing-process.ts DIRECTORY`. Its answers, a line each, are how many it has been told are
 * on disk, and for each line that it is given, a tag to purge, how many were stored before, once that is noted.
 */

import { createInterface } from 'node:readline';
import { systemClock } from '@headwater/service/clock';
import { Tiers } from './tiers.ts';
import { contentOf, entryOf, judgeBy, sliceOf, type WrittenEntry } from './written-object.ts';

const AT_ONCE = 50;
const [, , directory = ''] = process.argv;
const tiers: Tiers<WrittenEntry, string> = await Tiers.open<WrittenEntry, string>({
  ramBytes: 16 * 1024 * 1024,
  seed: 1,
  disk: { directory, limitBytes: 2 * 1024 ** 3, clock: systemClock, random: Math.random },
  judge: judgeBy(() => tiers),
});
let written = 0;
createInterface(process.stdin).on('line', (line) => {
  // What is being written was stored before the purge, too.
  const objects = written + AT_ONCE;
  void tiers.purged(line).noted.then(() => process.stdout.write(`purged ${objects}\n`));
});
for (;;) {
  for (let index = written; index < written + AT_ONCE; index += 1) {
    tiers.putEntry(entryOf(index, tiers.sequence));
    tiers.putSlice(sliceOf(index), 0, { offset: 0, bytes: contentOf(index) });
  }
  await tiers.disk?.settled();
  written += AT_ONCE;
  process.stdout.write(`${written}\n`);
}

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { ManualClock } from '@headwater/service/clock';
import { type PowerLossFiles, powerLossFiles } from './disk/power-loss-files.ts';
import { PurgeLog } from './disk/purge-log.ts';
import { Tiers } from './tiers.ts';
import { contentOf, entryOf, judgeBy, sliceOf, type WrittenEntry } from './written-object.ts';

const MIB = 1024 * 1024;
const root = await mkdtemp(join(tmpdir(), 'headwater-power-'));
after(() => rm(root, { recursive: true }));

async function open(directory: string, files: PowerLossFiles): Promise<Tiers<WrittenEntry, string>> {
  const tiers: Tiers<WrittenEntry, string> = await Tiers.open<WrittenEntry, string>({
    ramBytes: 16 * MIB,
    seed: 1,
    disk: { directory, limitBytes: 64 * MIB, clock: new ManualClock(0), random: () => 0.5, files },
    judge: judgeBy(() => tiers),
  });
  return tiers;
}

/** The last has the tag `tenth`. */
const OBJECTS = [6, 7, 8, 9, 10];

/** A cache that an earlier run has left, and the system has written out long since. */
async function leaveObjects(directory: string, files: PowerLossFiles): Promise<void> {
  const tiers = await open(directory, files);
  for (const index of OBJECTS) {
    tiers.putEntry(entryOf(index, tiers.sequence));
    tiers.putSlice(sliceOf(index), 0, { offset: 0, bytes: contentOf(index) });
  }
  await tiers.disk?.settled();
  await tiers.close();
  await files.flush(directory);
}

/** The objects that a start has. */
async function objectsOf(directory: string, files: PowerLossFiles): Promise<readonly number[]> {
  const tiers = await open(directory, files);
  const found: number[] = [];
  for (const index of OBJECTS) {
    const entry = await tiers.entry(`key-${index}`);
    if (entry !== undefined) found.push(index);
  }
  await tiers.close();
  return found;
}

suite('what was purged does not come back when the power goes', () => {
  test('as soon as the purge is noted, the first of a run as well', async () => {
    const directory = join(root, 'noted');
    const files = powerLossFiles();
    await leaveObjects(directory, files);
    const tiers = await open(directory, files);
    await tiers.purged('tenth').noted;
    await tiers.close();
    await files.losePower(directory);
    const next = await open(directory, files);
    assert.deepEqual(
      next.rules.map(({ rule }) => rule),
      ['tenth'],
    );
    await next.close();
  });

  test('when the sweep behind it is done and the rule forgotten', async () => {
    const directory = join(root, 'swept');
    const files = powerLossFiles();
    await leaveObjects(directory, files);
    const tiers = await open(directory, files);
    await tiers.purged('tenth').noted;
    await tiers.sweep();
    assert.equal(tiers.sweepFailures, 0);
    await tiers.close();
    await files.losePower(directory);
    assert.deepEqual(await objectsOf(directory, files), [6, 7, 8, 9]);
  });

  test('when the purge could not be noted, and nothing is trusted any more', async () => {
    const directory = join(root, 'distrusted');
    const files = powerLossFiles();
    await leaveObjects(directory, files);
    const log = await PurgeLog.open(files, directory);
    assert.equal(log.isTrusted, true);
    await log.distrust();
    await files.losePower(directory);
    assert.equal((await PurgeLog.open(files, directory)).isTrusted, false);
  });
});

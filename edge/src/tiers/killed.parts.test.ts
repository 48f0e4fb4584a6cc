import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { systemClock } from '@headwater/service/clock';
import { Tiers } from './tiers.ts';
import { contentOf, entryOf, judgeBy, sliceOf, type WrittenEntry } from './written-object.ts';

/** Enough that several batches and a purge are behind when the kill comes. */
const KILL_AFTER = [400, 2_000, 5_000];

for (const killAfter of KILL_AFTER) {
  test(`kill -9 after ${killAfter} objects: what was acknowledged is there and right, what was purged is not`, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'headwater-killed-'));
    try {
      const { acknowledged, purgedTo } = await writeAndKill(directory, killAfter);
      const tiers: Tiers<WrittenEntry, string> = await Tiers.open<WrittenEntry, string>({
        ramBytes: 16 * 1024 * 1024,
        seed: 2,
        disk: { directory, limitBytes: 2 * 1024 ** 3, clock: systemClock, random: Math.random },
        judge: judgeBy(() => tiers),
      });
      const judge = judgeBy(() => tiers);
      let survivors = 0;
      let expected = 0;
      for (let index = 0; index < acknowledged; index += 1) {
        const stored = await tiers.entry(`key-${index}`);
        const entry = stored === undefined ? undefined : judge.judge(stored);
        const isPurged = index < purgedTo && index % 10 === 0;
        if (isPurged) {
          assert.equal(entry, undefined, `${index} was purged`);
          continue;
        }
        expected += 1;
        const slice = await tiers.slice(sliceOf(index), 0);
        if (entry === undefined || slice === undefined) continue;
        assert.deepEqual({ ...entry, seq: 0 }, entryOf(index, 0));
        assert.ok(slice.bytes.equals(contentOf(index)), `bytes of ${index}`);
        survivors += 1;
      }
      assert.equal(survivors, expected);
      assert.equal(tiers.disk?.counters.damagedVolumes, 0);
      await tiers.close();
    } finally {
      await rm(directory, { recursive: true });
    }
  });
}

interface Written {
  readonly acknowledged: number;
  /** every tenth below this was purged, and that was acknowledged */
  readonly purgedTo: number;
}

/** Has a process write, purge in the middle, and kills it while it writes on. */
async function writeAndKill(directory: string, killAfter: number): Promise<Written> {
  const child: ChildProcess = spawn(process.execPath, [join(import.meta.dirname, 'writing-process.ts'), directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  let acknowledged = 0;
  let purgedTo = 0;
  let isAsked = false;
  assert.ok(child.stdout !== null && child.stdin !== null);
  for await (const line of createInterface(child.stdout)) {
    if (line.startsWith('purged ')) purgedTo = Number(line.slice(7));
    else acknowledged = Number(line);
    if (!isAsked && acknowledged >= killAfter / 2) {
      isAsked = true;
      child.stdin.write('tenth\n');
    }
    if (acknowledged >= killAfter && purgedTo > 0) break;
  }
  child.kill('SIGKILL');
  await ended;
  return { acknowledged, purgedTo };
}

/** Of an edge that hangs its own health answers nothing, however many workers go on; so whoever supervises it can tell. */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { startLoneEdge } from '../fleet/lone-edge.ts';
import { until } from '../fleet/until.ts';

/** It never answers; a supervisor waits longer, since one that is busy does. */
const HUNG_MS = 1_000;
const WELL_MS = 20_000;

async function ask(url: string, withinMs: number): Promise<number | 'silent'> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(withinMs) })).status;
  } catch (error) {
    if ((error as DOMException).name === 'TimeoutError') return 'silent';
    throw error;
  }
}

describe('an edge hangs', () => {
  for (const { what, workers, isReplaced } of [
    { what: 'of one process', workers: 1, isReplaced: false },
    { what: 'of two workers, which go on', workers: 2, isReplaced: false },
    { what: 'that has taken the place of another', workers: 1, isReplaced: true },
  ]) {
    test(what, async () => {
      await using edge = await startLoneEdge({ originUrl: 'http://127.0.0.1:9', workers });
      const viewersUrl = `http://127.0.0.1:${edge.port}/healthz`;
      if (isReplaced) await edge.restart();
      const processes = await edge.processes();
      assert.equal(await ask(`${edge.adminUrl}/healthz`, WELL_MS), 200);
      const hung = processes[isReplaced ? 1 : 0] ?? 0;
      process.kill(hung, 'SIGSTOP');
      assert.equal(await ask(`${edge.adminUrl}/healthz`, HUNG_MS), 'silent');
      if (workers > 1) assert.equal(await ask(viewersUrl, WELL_MS), 200);
      // Who kills the one that hangs and its supervisor's own takes the rest along.
      for (const pid of new Set([edge.child.pid, hung])) process.kill(pid, 'SIGKILL');
      await until('all of its processes to end', WELL_MS, () => processes.every((pid) => !existsSync(`/proc/${pid}`)));
      await assert.rejects(ask(viewersUrl, WELL_MS), 'its port is free');
    });
  }
});

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '..');
const DEADLINE_MS = 20_000;

async function freePort(): Promise<string> {
  await using server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return String((server.address() as AddressInfo).port);
}

/** Asks until somebody answers. */
async function firstAnswer(url: string, deadline: AbortSignal): Promise<Response> {
  for (;;) {
    deadline.throwIfAborted();
    const answer = await fetch(url, { signal: deadline }).catch((error: unknown) => {
      // Not listening yet.
      if (error instanceof TypeError) return null;
      throw error;
    });
    if (answer !== null) return answer;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('the built edge starts and is alive', async () => {
  const cwd = join(ROOT, 'edge');
  const built = spawnSync(process.execPath, [join(ROOT, 'deploy/build.ts')], { cwd, encoding: 'utf8' });
  assert.deepEqual([built.status, built.stderr], [0, '']);
  const directory = await mkdtemp(join(tmpdir(), 'headwater-build-'));
  const [port, adminPort] = [await freePort(), await freePort()];
  const child = spawn(process.execPath, [join(cwd, 'dist/main.js')], {
    env: {
      ...process.env,
      HEADWATER_EDGE_PORT: port,
      HEADWATER_EDGE_ADMIN_PORT: adminPort,
      HEADWATER_DATA_DIR: directory,
      HEADWATER_CONTROL_URL: 'http://127.0.0.1:9',
    },
    stdio: 'ignore',
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const gone = new AbortController();
  void ended.then(() => gone.abort(new Error('the edge ended')));
  try {
    const deadline = AbortSignal.any([gone.signal, AbortSignal.timeout(DEADLINE_MS)]);
    assert.equal((await firstAnswer(`http://127.0.0.1:${port}/healthz`, deadline)).status, 200);
  } finally {
    child.kill('SIGTERM');
    assert.equal(await ended, 0);
    await rm(directory, { recursive: true });
  }
});

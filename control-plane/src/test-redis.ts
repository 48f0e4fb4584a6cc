/** A Redis of a test's own: a real server on a free port, with its data in a directory of its own. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { killChild } from './test-child.ts';
import { freePorts } from './test-ports.ts';

export interface TestRedis extends AsyncDisposable {
  readonly url: string;
  /** Asks it directly. */
  readonly client: Redis;
  /** `SIGKILL` loses what was not on the disk, as a crash does; `SIGSTOP` hangs it until `SIGCONT`. */
  signal(name: NodeJS.Signals): void;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data. */
  start(): Promise<void>;
}

/** Every write is on the disk before its answer, so that a crash loses nothing. */
const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
/** Quick also on a disk that is busy with something else. */
const IN_MEMORY = ['--appendonly', 'no', '--save', ''];

/** @throws Error when there is no redis-server on this machine */
export async function startTestRedis({ durable = false } = {}): Promise<TestRedis> {
  const directory = await mkdtemp(join(tmpdir(), 'headwater-redis-'));
  const [port = 0] = await freePorts(1);
  const url = `redis://127.0.0.1:${port}`;
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, ...(durable ? DURABLE : IN_MEMORY)];
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => 20, maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  let child: ChildProcess | null = null;

  async function start(): Promise<void> {
    child = spawn('redis-server', args, { stdio: 'ignore' });
    const failed = once(child, 'error').then(([error]) => {
      throw new Error('redis-server is needed for this test and did not start', { cause: error as Error });
    });
    await Promise.race([answers(client), failed]);
  }
  await start();
  return {
    url,
    client,
    start,
    kill: () => killChild(child),
    signal: (name) => void child?.kill(name),
    async [Symbol.asyncDispose]() {
      client.disconnect();
      await killChild(child);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Resolves when it answers; the client tries until it does. */
async function answers(client: Redis): Promise<void> {
  if (client.status === 'wait') await client.connect().catch(() => undefined);
  await client.ping();
}

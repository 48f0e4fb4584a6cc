/** Of several replicas of the control plane the one that leads dies, and another one leads. */

import assert from 'node:assert/strict';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startTestConsul } from '@headwater/control-plane/src/test-consul.ts';
import { type PlaneProcess, startPlaneProcess } from '@headwater/control-plane/src/test-process.ts';
import { startTestRedis } from '@headwater/control-plane/src/test-redis.ts';
import { until } from '../fleet/until.ts';

const REPLICAS = ['control-1', 'control-2', 'control-3'];
const DEATHS = 5;
const LED_WITHIN_MS = 3_000;

test('the leader is killed: another one leads within 3 s, each time', async (context) => {
  await using consul = await startTestConsul();
  await using redis = await startTestRedis();
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-leader-'));
  await using cleanup = new AsyncDisposableStack();
  const replicas = new Map<string, PlaneProcess>();
  const start = async (name: string): Promise<void> => {
    const variables = { CONSUL_HTTP_ADDR: consul.url, REDIS_URL: redis.url, HEADWATER_NODE_ID: name };
    const dataDir = { HEADWATER_DATA_DIR: join(directory.path, name) };
    replicas.set(name, cleanup.use(await startPlaneProcess({ ...variables, ...dataDir })));
  };
  /** As the lock in Consul says; null while nobody holds it. */
  const leader = async (): Promise<string | null> => {
    const [lock] = (await consul.ask('/kv/headwater/leader')) as {
      readonly Value: string;
      readonly Session?: string;
    }[];
    return lock?.Session === undefined ? null : Buffer.from(lock.Value, 'base64').toString();
  };
  for (const name of REPLICAS) await start(name);
  const times: number[] = [];
  for (let deaths = 0; deaths < DEATHS; deaths += 1) {
    const former = await until('one to lead', 10_000, leader);
    await replicas.get(former)?.kill();
    const killedMs = performance.now();
    await until('another one to lead', 10_000, async () => ![null, former].includes(await leader()));
    times.push(Math.round(performance.now() - killedMs));
    await start(former);
  }
  context.diagnostic(`another one led after ${times.join(', ')} ms`);
  assert.ok(Math.max(...times) < LED_WITHIN_MS);
});

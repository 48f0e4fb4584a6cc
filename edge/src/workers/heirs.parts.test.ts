/** What a worker that replaces another has of it, and who is told to replace them. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { feedOf } from '../edge-rig.ts';
import { ENTRY, askOnMany, purge, startNodeRig } from './node-rig.ts';

const BODY = Buffer.alloc(100_000, 'headwater');

test('an heir finds on disk what the one before it stored, but for what was purged meanwhile', async (context) => {
  const directory = await mkdtemp(join(tmpdir(), 'headwater-heirs-'));
  context.after(() => rm(directory, { recursive: true, force: true }));
  const asked: string[] = [];
  const origin = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(200, { 'cache-control': 'max-age=600', 'content-length': BODY.length }).end(BODY);
  });
  origin.listen(0, '127.0.0.1');
  await once(origin, 'listening');
  context.after(() => {
    origin.closeAllConnections();
    origin.close();
  });
  const origins = [`http://127.0.0.1:${(origin.address() as AddressInfo).port}`];
  const zones = [{ name: 'site', hosts: ['*'], pathPrefix: '/', origins, policy: 'public' }] as const;
  const feed = feedOf(origins[0] ?? '');
  await using node = await startNodeRig(feed, { zones, cacheDirectory: directory });
  const films = Array.from({ length: 20 }, (_, film) => `/film/${film}`);
  for (const path of [...films, '/news']) await askOnMany(node, path, 4);
  assert.equal(asked.length, films.length + 1);
  asked.length = 0;
  const restarted = node.restart();
  await purge(node, feed, { url: '/news' });
  await restarted;
  for (const path of films) {
    for (const { status, body } of await askOnMany(node, path, 4)) assert.ok(status === 200 && body.equals(BODY));
  }
  assert.deepEqual(asked, []);
  await askOnMany(node, '/news', 4);
  assert.deepEqual(asked, ['/news']);
});

test('a process that is told SIGHUP replaces its workers and goes on', async (context) => {
  const directory = await mkdtemp(join(tmpdir(), 'headwater-heirs-'));
  context.after(() => rm(directory, { recursive: true, force: true }));
  const env = {
    ...process.env,
    HEADWATER_CONTROL_URL: 'http://127.0.0.1:9',
    HEADWATER_DATA_DIR: directory,
    HEADWATER_EDGE_PORT: '0',
    HEADWATER_EDGE_WORKERS: '2',
  };
  const child = spawn(process.execPath, [ENTRY], { env, stdio: ['ignore', 'inherit', 'pipe'] });
  const ended = once(child, 'exit');
  let served = 0;
  let isTold = false;
  for await (const line of createInterface(child.stderr)) {
    const { event } = JSON.parse(line) as { event: string };
    if (event === 'worker_serves') served += 1;
    // By then it has its workers, and hears.
    if (event.startsWith('fleet_join') && !isTold) isTold = child.kill('SIGHUP');
    if (served === 4) break;
  }
  assert.deepEqual([served, child.exitCode], [4, null]);
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
});

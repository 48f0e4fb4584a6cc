import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { FeedMessage } from '@headwater/protocol/feed';
import { ask } from '../edge-rig.ts';
import { startZoneRig, type ZoneRig } from './zone-rig.ts';

const root = await mkdtemp(join(tmpdir(), 'headwater-zone-disk-'));
after(() => rm(root, { recursive: true }));

const LARGE = Buffer.alloc(2_500_000, 'large');

/** `/large` is three slices, all else is its own path; for an hour. */
function start(name: string): Promise<ZoneRig> {
  return startZoneRig(
    ({ url = '' }, response) => {
      const body = url === '/large' ? LARGE : Buffer.from(url);
      const headers = { 'cache-control': 'max-age=3600', etag: '"1"', 'cache-tag': `of${url}` };
      response.writeHead(200, { 'content-length': body.length, ...headers }).end(body);
    },
    { cacheDirectory: join(root, name) },
  );
}

async function asksOrigin(rig: ZoneRig, path: string): Promise<boolean> {
  const before = rig.asked.length;
  const { status, body } = await ask(rig.edge, path);
  assert.equal(status, 200);
  assert.ok(body.equals(path === '/large' ? LARGE : Buffer.from(path)), path);
  return rig.asked.length > before;
}

function follow(rig: ZoneRig, cursor: string, messages: readonly FeedMessage[] = [], snapshot = false): Promise<void> {
  return rig.edge.carryOut({ cursor, snapshot, messages });
}

function purge(order: { readonly tag?: string; readonly all?: true; readonly soft?: boolean }): FeedMessage {
  return { type: 'purge', purge: { id: 'p', soft: false, atMs: 0, ...order } };
}

test('what was stored is answered after a restart without the origin, with its age', async () => {
  await using rig = await start('restart');
  for (const path of ['/a', '/b', '/large']) assert.equal(await asksOrigin(rig, path), true);
  await rig.restart();
  rig.clock.nowAtMs += 60_000;
  for (const path of ['/a', '/b', '/large']) assert.equal(await asksOrigin(rig, path), false, path);
  assert.equal((await ask(rig.edge, '/a')).headers.age, '60');
});

test('what was purged is not there after a restart, what was purged softly is stale', async () => {
  await using rig = await start('purged');
  for (const path of ['/hard', '/soft', '/other']) await asksOrigin(rig, path);
  await follow(rig, 'c1', [purge({ tag: 'of/hard' }), purge({ tag: 'of/soft', soft: true })]);
  for (let restart = 0; restart < 2; restart += 1) {
    await rig.restart();
    assert.equal(await asksOrigin(rig, '/other'), false);
  }
  assert.match(String((await ask(rig.edge, '/soft')).headers['cache-status']), /hit|fwd=stale/);
  assert.equal(await asksOrigin(rig, '/hard'), true);
});

test('a snapshot from where the disk was in step costs nothing; from anywhere else all that is stored', async () => {
  await using rig = await start('snapshot');
  await follow(rig, 'c1', [], true);
  await follow(rig, 'c2');
  await asksOrigin(rig, '/a');
  await rig.restart();
  // The node's own record of the feed may be some pages behind.
  await follow(rig, 'c1', [], true);
  // Of several workers each is told twice.
  await follow(rig, 'c1', [], true);
  assert.equal(await asksOrigin(rig, '/a'), false);
  // One that comes later is an order, though the disk has seen that place.
  await follow(rig, 'c2', [], true);
  assert.equal(await asksOrigin(rig, '/a'), true);
  await follow(rig, 'c2', [], true);
  assert.equal(await asksOrigin(rig, '/a'), true, 'told a second time');
  await rig.restart();
  await follow(rig, 'c9', [], true);
  assert.equal(await asksOrigin(rig, '/a'), true);
});

test('a disk that cannot be had is no reason not to serve', async () => {
  const file = join(root, 'file');
  await writeFile(file, '');
  await using rig = await startZoneRig((_, response) => response.end('x'), { cacheDirectory: join(file, 'cache') });
  assert.equal((await ask(rig.edge, '/a')).text, 'x');
});

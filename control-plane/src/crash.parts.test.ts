/** What was answered for is there after `kill -9`. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { FeedPage } from '@headwater/protocol/feed';
import { JOIN, testJoin } from './test-plane.ts';
import { startPlaneProcess } from './test-process.ts';

test('streams, keys, issuers, revocations, nodes and the feed survive kill -9 at any answer', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-crash-'));
  const node = testJoin({ url: 'http://h:1' });
  const start = () => startPlaneProcess({ HEADWATER_DATA_DIR: directory.path });
  let running = await start();
  const bearer = (await running.call('POST', '/v1/nodes/join', { body: node, bearer: JOIN })).body[
    'credential'
  ] as string;
  const first = (await running.call('GET', '/v1/feed', { bearer })).body as unknown as FeedPage;
  const secret = Buffer.alloc(32, 7).toString('base64url');
  const made: [string, object][] = [
    ['/v1/streams', { name: 'show', policy: 'token' }],
    ['/v1/issuers', { iss: 'backend', alg: 'HS256', secret }],
    ['/v1/revocations', { session: 's1' }],
    ['/v1/keys/rotate', {}],
    ['/v1/streams', { name: 'show-2', policy: 'public' }],
  ];
  for (const [path, body] of made) {
    assert.equal((await running.call('POST', path, { body })).status, 201);
    await running.kill();
    running = await start();
  }
  try {
    const missed = (await running.call('GET', `/v1/feed?cursor=${first.cursor}`, { bearer }))
      .body as unknown as FeedPage;
    assert.equal(missed.snapshot, false);
    const types = missed.messages.map(({ type }) => type);
    assert.deepEqual(
      types.filter((type) => type !== 'node'),
      ['stream', 'issuer', 'revocation', 'path-keys', 'stream'],
    );
    const whole = (await running.call('GET', '/v1/feed', { bearer })).body as unknown as FeedPage;
    const keys = whole.messages.find(({ type }) => type === 'path-keys');
    assert.ok(keys?.type === 'path-keys' && keys.keys.length === 2);
    assert.equal(whole.messages.filter(({ type }) => type === 'issuer').length, 2);
    assert.equal((await running.call('GET', '/v1/streams/show')).status, 200);
  } finally {
    running.child.kill('SIGTERM');
    const [code] = (await once(running.child, 'exit')) as [number];
    assert.equal(code, 0);
  }
});

test('a second process on the same directory is refused with a line that says why', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-crash-'));
  const start = () => startPlaneProcess({ HEADWATER_DATA_DIR: directory.path });
  const running = await start();
  try {
    await assert.rejects(start());
    assert.equal((await running.call('GET', '/v1/streams')).status, 200);
  } finally {
    running.child.kill('SIGTERM');
    await once(running.child, 'exit');
  }
});

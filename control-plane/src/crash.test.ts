/** What was answered for is there after `kill -9`. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import type { FeedPage } from '@headwater/protocol/feed';
import { ADMIN, JOIN } from './test-plane.ts';
import { testJoin } from './test-plane.ts';

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
}

async function startProcess(dataDir: string): Promise<Running> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    stdio: ['ignore', 'inherit', 'pipe'],
    env: {
      HEADWATER_CONTROL_PORT: '0',
      HEADWATER_DATA_DIR: dataDir,
      HEADWATER_ADMIN_TOKEN: ADMIN,
      HEADWATER_JOIN_TOKEN: JOIN,
    },
  });
  for await (const line of createInterface({ input: child.stderr })) {
    const entry = JSON.parse(line) as { event: string; port: number };
    if (entry.event === 'started') return { child, url: `http://127.0.0.1:${entry.port}` };
  }
  throw new Error('the control plane ended before it was ready');
}

async function call(running: Running, method: string, path: string, options: { body?: object; bearer?: string } = {}) {
  const answer = await fetch(running.url + path, {
    method,
    headers: { authorization: `Bearer ${options.bearer ?? ADMIN}` },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

test('streams, keys, issuers, revocations, nodes and the feed survive kill -9 at any answer', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-crash-'));
  const node = testJoin({ url: 'http://h:1' });
  let running = await startProcess(directory.path);
  const bearer = (await call(running, 'POST', '/v1/nodes/join', { body: node, bearer: JOIN })).body[
    'credential'
  ] as string;
  const first = (await call(running, 'GET', '/v1/feed', { bearer })).body as unknown as FeedPage;
  const secret = Buffer.alloc(32, 7).toString('base64url');
  const made: [string, object][] = [
    ['/v1/streams', { name: 'show', policy: 'token' }],
    ['/v1/issuers', { iss: 'backend', alg: 'HS256', secret }],
    ['/v1/revocations', { session: 's1' }],
    ['/v1/keys/rotate', {}],
    ['/v1/streams', { name: 'show-2', policy: 'public' }],
  ];
  for (const [path, body] of made) {
    assert.equal((await call(running, 'POST', path, { body })).status, 201);
    running.child.kill('SIGKILL');
    await once(running.child, 'exit');
    running = await startProcess(directory.path);
  }
  try {
    const missed = (await call(running, 'GET', `/v1/feed?cursor=${first.cursor}`, { bearer }))
      .body as unknown as FeedPage;
    assert.equal(missed.snapshot, false);
    const types = missed.messages.map(({ type }) => type);
    assert.deepEqual(
      types.filter((type) => type !== 'node'),
      ['stream', 'issuer', 'revocation', 'path-keys', 'stream'],
    );
    const whole = (await call(running, 'GET', '/v1/feed', { bearer })).body as unknown as FeedPage;
    const keys = whole.messages.find(({ type }) => type === 'path-keys');
    assert.ok(keys?.type === 'path-keys' && keys.keys.length === 2);
    assert.equal(whole.messages.filter(({ type }) => type === 'issuer').length, 2);
    assert.equal((await call(running, 'GET', '/v1/streams/show')).status, 200);
  } finally {
    running.child.kill('SIGTERM');
    const [code] = (await once(running.child, 'exit')) as [number];
    assert.equal(code, 0);
  }
});

test('a second process on the same directory is refused with a line that says why', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-crash-'));
  const running = await startProcess(directory.path);
  try {
    await assert.rejects(startProcess(directory.path));
    assert.equal((await call(running, 'GET', '/v1/streams')).status, 200);
  } finally {
    running.child.kill('SIGTERM');
    await once(running.child, 'exit');
  }
});

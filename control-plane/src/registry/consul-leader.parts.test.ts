/** Who leads, when leaders die, hang and come back: each replica is a process of its own. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { systemClock } from '@headwater/service/clock';
import { killChild } from '../test-child.ts';
import { startTestConsul } from '../test-consul.ts';
import { Deposed } from '../state/fenced-store.ts';
import { openConsulRegistry } from './consul-registry.ts';
import type { Leadership } from './registry.ts';
import { until } from './test-registries.ts';

/** Says how it stands, whenever that changes. */
const REPLICA = `
  import { openConsulRegistry } from './consul-registry.ts';
  import { systemClock } from '@headwater/service/clock';
  const [url, replica] = process.argv.slice(1);
  const registry = openConsulRegistry({ url, token: null, replica, clock: systemClock });
  let told = '';
  setInterval(() => {
    const text = JSON.stringify(registry.leadership);
    if (text !== told) console.log(told = text);
  }, 10);
`;

/** A node of a replica that is gone. */
const STRANGER = {
  role: 'edge',
  zone: 'eu',
  failureDomain: 'rack-7',
  capacityBitsPerSecond: '1',
  version: '',
  url: 'http://h:1',
  generation: '1',
  replica: 'gone',
};

interface Replica extends AsyncDisposable {
  readonly child: ChildProcess;
  /** as it said last */
  readonly leadership: Leadership;
  kill(): Promise<void>;
}

function startReplica(url: string, name: string): Replica {
  const args = ['--input-type=module', '-e', REPLICA, '--', url, name];
  const child = spawn(process.execPath, args, { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] });
  const said: Leadership[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => said.push(JSON.parse(line) as Leadership));
  return {
    child,
    get leadership() {
      return said.at(-1) ?? { isLeader: false, fence: null };
    },
    kill: () => killChild(child),
    [Symbol.asyncDispose]: () => killChild(child),
  };
}

test('of several replicas one leads; it dies, and another one leads within three seconds, behind a higher fence', async () => {
  await using consul = await startTestConsul();
  await using one = startReplica(consul.url, 'one');
  await until('it leads', () => one.leadership.isLeader);
  await using two = startReplica(consul.url, 'two');
  await using three = startReplica(consul.url, 'three');
  const isThere = async () =>
    ((await consul.ask('/agent/services')) as Record<string, unknown>)['headwater-control-three'];
  await until('all are there', async () => (await isThere()) !== undefined);
  assert.deepEqual([two.leadership.isLeader, three.leadership.isLeader], [false, false]);
  const { fence: before } = one.leadership;

  await one.kill();
  const tookMs = await until('another one leads', () => two.leadership.isLeader || three.leadership.isLeader);
  assert.ok(tookMs < 3_000, `${tookMs} ms`);
  const next = two.leadership.isLeader ? two : three;
  assert.equal(next.leadership.fence?.scope, before?.scope);
  assert.ok((next.leadership.fence?.index ?? 0) > (before?.index ?? Infinity));
  assert.notEqual(two.leadership.isLeader, three.leadership.isLeader);
});

test('a leader that was paused leads no more, from its first moment on', async () => {
  await using consul = await startTestConsul();
  await using one = startReplica(consul.url, 'one');
  await until('it leads', () => one.leadership.isLeader);
  await using two = startReplica(consul.url, 'two');
  one.child.kill('SIGSTOP');
  const tookMs = await until('another one leads', () => two.leadership.isLeader);
  assert.ok(tookMs < 4_000, `${tookMs} ms, its start included`);
  one.child.kill('SIGCONT');
  await until('it knows', () => !one.leadership.isLeader);
  assert.equal(two.leadership.isLeader, true);
});

test('a leader that ends hands over at once', async () => {
  await using consul = await startTestConsul();
  const open = (replica: string) => openConsulRegistry({ url: consul.url, token: null, replica, clock: systemClock });
  const one = open('one');
  await until('it leads', () => one.leadership.isLeader);
  await using two = open('two');
  await one[Symbol.asyncDispose]();
  const tookMs = await until('the other one leads', () => two.leadership.isLeader);
  assert.ok(tookMs < 1_500, `${tookMs} ms`);
  assert.equal(one.leadership.isLeader, false);
});

test('a leader whose Consul is gone leads no more after a second and a half; a Consul without its data has another scope', async () => {
  await using consul = await startTestConsul();
  await using one = openConsulRegistry({ url: consul.url, token: null, replica: 'one', clock: systemClock });
  await until('it leads', () => one.leadership.isLeader);
  const { fence: before } = one.leadership;
  await consul.kill();
  const tookMs = await until('it does not', () => !one.leadership.isLeader);
  assert.ok(tookMs > 500 && tookMs < 2_000, `${tookMs} ms`);
  await consul.start();
  await until('it leads again', () => one.leadership.isLeader);
  assert.notEqual(one.leadership.fence?.scope, before?.scope);
});

test('what a leader writes holds only while it has the lock, before it knows itself', async () => {
  await using consul = await startTestConsul();
  await using one = openConsulRegistry({ url: consul.url, token: null, replica: 'one', clock: systemClock });
  await assert.rejects(one.leaderKv.cas('a', 'x', 0), Deposed);
  await until('it leads', () => one.leadership.isLeader);
  assert.equal(await one.leaderKv.cas('a', 'one', 0), true);
  assert.equal(await one.leaderKv.cas('a', 'two', 0), false);
  const kept = await one.kv.get('a');
  assert.equal(kept?.value, 'one');
  const body = { ID: 'stranger', Name: 'headwater-node', Meta: STRANGER };
  await consul.ask('/agent/service/register', { method: 'PUT', body });
  await until('it is seen', () => one.instances().has('stranger'));
  await one.removeStale(() => false);

  const [lock] = (await consul.ask('/kv/headwater/leader')) as [{ Session: string }];
  await consul.ask(`/session/destroy/${lock.Session}`, { method: 'PUT' });
  assert.equal(one.leadership.isLeader, true, 'it does not know yet');
  await assert.rejects(one.leaderKv.cas('a', 'two', kept.index), Deposed);
  await assert.rejects(
    one.removeStale(() => false),
    Deposed,
  );
  assert.equal((await one.kv.get('a'))?.value, 'one');
  const isThere = async () => JSON.stringify(await consul.ask('/catalog/service/headwater-node')).includes('stranger');
  assert.equal(await isThere(), true);

  const holder = async () => ((await consul.ask('/kv/headwater/leader')) as [{ Session?: string }])[0].Session;
  await until('it leads again', async () => {
    return one.leadership.isLeader && ![undefined, lock.Session].includes(await holder());
  });
  await one.removeStale(() => false);
  assert.equal(await isThere(), false);
});

test('a leader whose token is revoked leads no more, and keeps the lock from nobody for long', async () => {
  const token = 'b1gs3cr3-7000-0000-0000-000000000000';
  await using consul = await startTestConsul({ masterToken: token });
  const body = { Policies: [{ Name: 'global-management' }] };
  const made = await consul.ask('/acl/token', { method: 'PUT', body, token });
  const { SecretID: revoked, AccessorID: accessor } = made as { SecretID: string; AccessorID: string };
  const open = (replica: string, of: string) =>
    openConsulRegistry({ url: consul.url, token: of, replica, clock: systemClock });
  await using one = open('one', revoked);
  await until('it leads', () => one.leadership.isLeader);
  await using two = open('two', token);
  await consul.ask(`/acl/token/${accessor}`, { method: 'DELETE', token });
  await until('it does not', () => !one.leadership.isLeader);
  // Twice the time of `until`: Consul waits up to twice the session's.
  await until('the other one leads', () => two.leadership.isLeader).catch(() =>
    until('the other one leads', () => two.leadership.isLeader),
  );
});

test('a leader whose agent cannot reach its servers for a moment leads again as soon as they are back', async () => {
  await using server = await startTestConsul({ durable: true });
  await using agent = await startTestConsul({ join: server });
  await using one = openConsulRegistry({ url: agent.url, token: null, replica: 'one', clock: systemClock });
  await until('it leads', () => one.leadership.isLeader);
  const { fence: before } = one.leadership;
  await server.kill();
  await until('it does not', () => !one.leadership.isLeader);
  await server.start();
  // A session that nobody renews keeps the lock for 20 s.
  const tookMs = await until('it leads again', () => one.leadership.isLeader);
  assert.ok(tookMs < 8_000, `${tookMs} ms`);
  assert.equal(one.leadership.fence?.scope, before?.scope);
});

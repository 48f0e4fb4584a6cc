/** How nodes are let in: tokens that open once, keys that are shown, probes, removal. */

import assert from 'node:assert/strict';
import { type KeyObject, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempDisposable } from 'node:fs/promises';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { IDLE_LOAD, type NodeDescription, type NodeRole } from '@headwater/protocol/node';
import { PROOF_SKEW_SECONDS, nodeKeyOf, signNodeProof } from '@headwater/protocol/node-credential';
import { testNode } from '@headwater/protocol/test-node';
import { ManualClock } from '@headwater/service/clock';
import { Admission, PROBE_LIMIT } from './admission.ts';
import type { EnrolledNode } from './enrolled-nodes.ts';
import type { Member } from './fleet.ts';
import { openDatabase } from './database.ts';
import { createJoinToken, readJoinToken } from './join-tokens.ts';
import { openEmbeddedStore } from './state/embedded-store.ts';
import { type Answer, JOIN, type TestPlane, startTestPlane } from './test-plane.ts';

type Verdict = readonly [status: number, code: unknown];

function verdict({ status, body }: Answer): Verdict {
  return [status, body['code']];
}

/** A node that is a key and a description, and asks by hand. */
function newcomer(plane: TestPlane, change: Partial<NodeDescription> = {}, key?: KeyObject) {
  const privateKey = key ?? generateKeyPairSync('ed25519').privateKey;
  const node = testNode(change);
  const publicKey = nodeKeyOf(privateKey);
  return {
    privateKey,
    join(token: string, { proof }: { readonly proof?: string } = {}): Promise<Answer> {
      const signed = proof ?? signNodeProof(node.id, plane.clock.nowMs(), privateKey);
      return plane.call('POST', '/v1/nodes/join', { node, publicKey, proof: signed }, token);
    },
    /** As it was before a proof came with it. */
    joinByToken: (token: string) => plane.call('POST', '/v1/nodes/join', { node, publicKey }, token),
    introduce({ starting = false, atMs = plane.clock.nowMs(), proof = '', as = node } = {}): Promise<Answer> {
      const signed = proof === '' ? signNodeProof(node.id, atMs, privateKey) : proof;
      return plane.call(
        'POST',
        `/v1/nodes/${node.id}/credential`,
        { node: as, publicKey, proof: signed, starting },
        'none',
      );
    },
  };
}

async function tokenOf(plane: TestPlane, order: object = { role: 'edge' }): Promise<string> {
  const made = await plane.call('POST', '/v1/join-tokens', order);
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return made.body['token'] as string;
}

const beat = (plane: TestPlane, credential: unknown) =>
  plane.call('GET', '/v1/feed', undefined, credential as string).then(({ status }) => status);

test('a join token lets one node in, once; the same node may repeat itself', async () => {
  await using plane = await startTestPlane();
  const token = await tokenOf(plane, { role: 'edge', zone: 'eu', ttlSeconds: 60 });
  const edge = newcomer(plane, { zone: 'said' });
  const joined = await edge.join(token);
  assert.equal(joined.status, 201);
  assert.equal(await beat(plane, joined.body['credential']), 200);
  assert.equal((await plane.call('GET', '/v1/nodes/edge-1')).body['zone'], 'eu');
  assert.equal((await edge.join(token)).status, 201, 'its answer was lost');
  assert.deepEqual(verdict(await newcomer(plane, { id: 'edge-2' }).join(token)), [403, 'join_token_used']);
  assert.deepEqual(verdict(await newcomer(plane).join(token)), [403, 'join_token_used'], 'the id alone is nobody');
  const { joinTokens } = (await plane.call('GET', '/v1/join-tokens')).body as { joinTokens: { usedBy: string }[] };
  assert.deepEqual(
    joinTokens.map(({ usedBy }) => usedBy),
    ['edge-1'],
  );
  assert.ok(!JSON.stringify(joinTokens).includes(token.slice(4)));
});

test('a token that was used is nothing without the key that it let in', async () => {
  await using plane = await startTestPlane();
  const token = await tokenOf(plane);
  const edge = newcomer(plane);
  assert.equal((await edge.joinByToken(token)).status, 201);
  // What an onlooker has: the token, and what the node says of itself.
  assert.deepEqual(verdict(await edge.joinByToken(token)), [403, 'node_proof']);
  const other = generateKeyPairSync('ed25519').privateKey;
  const proof = signNodeProof('edge-1', plane.clock.nowMs(), other);
  assert.deepEqual(verdict(await edge.join(token, { proof })), [403, 'node_proof']);
  const late = signNodeProof('edge-1', plane.clock.nowMs() - (PROOF_SKEW_SECONDS + 1) * 1000, edge.privateKey);
  assert.deepEqual(verdict(await edge.join(token, { proof: late })), [403, 'node_clock']);
  assert.equal((await edge.join(token)).status, 201);
});

test('who comes again by a used token has the role that it was made for', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-tokens-'));
  using database = openDatabase(join(directory.path, 'state.db'));
  const store = openEmbeddedStore(database);
  const made = await createJoinToken(store, { role: 'edge', zone: null, ttlMs: 60_000, nowMs: 0 }, 9);
  assert.ok(made !== 'full');
  const read = (role: NodeRole) => readJoinToken(store, made.secret, { node: 'edge-1', role, publicKey: 'its own' }, 1);
  const first = await read('edge');
  assert.ok(first.ok && first.use !== null);
  await store.commit({ changes: [first.use] });
  assert.equal((await read('edge')).ok, true);
  assert.deepEqual(await read('origin'), { ok: false, code: 'join_token_role' });
});

test('of many who come with one token at once, one is let in', async () => {
  await using plane = await startTestPlane();
  const token = await tokenOf(plane);
  const crowd = Array.from({ length: 8 }, (_, index) => newcomer(plane, { id: `edge-${index}` }));
  const answers = await Promise.all(crowd.map((one) => one.join(token)));
  assert.deepEqual(
    answers.map(({ status }) => status).toSorted((a, b) => a - b),
    [201, ...Array<number>(7).fill(403)],
  );
  assert.equal(((await plane.call('GET', '/v1/nodes')).body['nodes'] as unknown[]).length, 1);
});

test('a token that ended, is of another role, was taken back or never was lets nobody in', async () => {
  await using plane = await startTestPlane();
  const old = await tokenOf(plane, { role: 'edge', ttlSeconds: 60 });
  const other = await tokenOf(plane, { role: 'origin' });
  const back = await tokenOf(plane);
  const { joinTokens } = (await plane.call('GET', '/v1/join-tokens')).body as {
    joinTokens: { id: string; expiresAt: string }[];
  };
  assert.equal(joinTokens.length, 3);
  plane.clock.advance(60_000);
  assert.deepEqual(verdict(await newcomer(plane).join(old)), [403, 'join_token_expired']);
  assert.deepEqual(verdict(await newcomer(plane).join(other)), [403, 'join_token_role']);
  for (const { id } of joinTokens) assert.equal((await plane.call('DELETE', `/v1/join-tokens/${id}`)).status, 204);
  assert.deepEqual(verdict(await newcomer(plane).join(back)), [401, 'join_token_unknown']);
  assert.deepEqual(verdict(await newcomer(plane).join('hwj_')), [401, 'join_token_unknown']);
  assert.deepEqual(verdict(await newcomer(plane).join('')), [401, 'unauthorized']);
  assert.equal((await plane.call('DELETE', '/v1/join-tokens/none')).status, 404);
});

test('a join that is refused leaves the token good', async () => {
  await using plane = await startTestPlane();
  await newcomer(plane).join(JOIN);
  const token = await tokenOf(plane);
  assert.deepEqual(verdict(await newcomer(plane).join(token)), [409, 'node_exists']);
  assert.equal((await newcomer(plane, { id: 'edge-2' }).join(token)).status, 201);
});

test('who was removed is out at once, and neither its used token nor a standing one brings it back', async () => {
  await using plane = await startTestPlane();
  const token = await tokenOf(plane);
  const edge = newcomer(plane);
  const { credential } = (await edge.join(token)).body;
  assert.equal((await plane.call('DELETE', '/v1/nodes/edge-1')).status, 204);
  assert.equal(await beat(plane, credential), 401);
  assert.deepEqual(verdict(await edge.introduce()), [403, 'node_removed']);
  assert.deepEqual(verdict(await edge.join(token)), [403, 'node_removed']);
  assert.deepEqual(verdict(await edge.join(JOIN)), [403, 'node_removed']);
  assert.equal((await edge.join(await tokenOf(plane))).status, 201, 'the operator\u2019s new word');
  assert.equal((await edge.introduce()).status, 200);
});

test('whoever takes over the id of a removed node, the removed one is told what it is', async () => {
  await using plane = await startTestPlane();
  const before = newcomer(plane);
  await before.join(JOIN);
  await plane.call('DELETE', '/v1/nodes/edge-1');
  assert.equal((await newcomer(plane).join(JOIN)).status, 201);
  assert.deepEqual(verdict(await before.introduce()), [403, 'node_removed']);
});

test('a key that is shown buys a credential, for its own node and within the clocks\u2019 difference', async () => {
  await using plane = await startTestPlane();
  const edge = newcomer(plane);
  assert.deepEqual(verdict(await edge.introduce()), [403, 'node_unknown']);
  const first = (await edge.join(JOIN)).body['credential'];
  plane.clock.advance(900_000);
  assert.equal(await beat(plane, first), 401, 'it has ended');
  const renewed = await edge.introduce();
  assert.equal(await beat(plane, renewed.body['credential']), 200);
  const late = plane.clock.nowMs() - (PROOF_SKEW_SECONDS + 1) * 1000;
  assert.deepEqual(verdict(await edge.introduce({ atMs: late })), [403, 'node_clock']);
  assert.deepEqual(verdict(await newcomer(plane).introduce()), [403, 'node_proof'], 'another key');
  assert.deepEqual(verdict(await newcomer(plane, { role: 'geo' }, edge.privateKey).introduce()), [403, 'node_proof']);
  const foreign = signNodeProof('edge-2', plane.clock.nowMs(), edge.privateKey);
  assert.deepEqual(verdict(await edge.introduce({ proof: foreign })), [403, 'node_proof']);
  assert.deepEqual(verdict(await edge.introduce({ proof: 'p1' })), [403, 'node_proof']);
  assert.equal((await newcomer(plane).join(JOIN)).status, 201, 'a standing token takes the id over');
  assert.equal(await beat(plane, renewed.body['credential']), 401, 'the credential ends with the key');
});

test('where no token says it, a node\u2019s own word on its zone counts, also when it changes', async () => {
  await using plane = await startTestPlane();
  const zone = async (): Promise<unknown> => (await plane.call('GET', '/v1/nodes/edge-1')).body['zone'];
  const edge = newcomer(plane, { zone: 'eu' });
  await edge.join(JOIN);
  assert.equal(await zone(), 'eu');
  await edge.introduce({ as: testNode({ zone: 'us' }) });
  assert.equal(await zone(), 'us');
});

/** Answers `/readyz` as told. */
async function startReadiness(): Promise<{ url: string; ready: boolean; asked: number } & AsyncDisposable> {
  const server: Server = createServer((_, response) => {
    state.asked += 1;
    response.writeHead(state.ready ? 200 : 503).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const state = {
    url,
    ready: false,
    asked: 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return state;
}

test('an edge gets viewers once it has answered, is told why until then, and is asked again when it starts anew or moves', async () => {
  await using plane = await startTestPlane();
  await using readiness = await startReadiness();
  await using elsewhere = await startReadiness();
  elsewhere.ready = true;
  const edge = newcomer(plane, { url: readiness.url });
  const { credential } = (await edge.join(JOIN)).body;
  const stands = async (): Promise<Record<string, unknown>> => (await plane.call('GET', '/v1/nodes/edge-1')).body;
  /** Its heartbeats go on: only who is heard is asked. */
  async function until(fits: (node: Record<string, unknown>) => boolean): Promise<void> {
    while (!fits(await stands())) {
      const heartbeat = { cursor: null, load: IDLE_LOAD, draining: false };
      await plane.call('POST', '/v1/nodes/edge-1/heartbeat', heartbeat, credential as string);
      plane.clock.advance(50);
    }
  }
  await until(({ probe }) => probe === `${readiness.url}/readyz answered 503`);
  assert.equal((await stands())['servingSinceMs'], null);
  readiness.ready = true;
  await until(({ servingSinceMs }) => typeof servingSinceMs === 'number');
  const { servingSinceMs: first } = await stands();

  await edge.introduce();
  assert.equal((await stands())['servingSinceMs'], first, 'a renewal changes nothing');
  const { asked } = readiness;
  plane.clock.advance(1_000);
  await edge.introduce({ starting: true });
  await until(({ servingSinceMs }) => typeof servingSinceMs === 'number' && servingSinceMs > (first as number));
  assert.ok(readiness.asked > asked);

  await edge.introduce({ as: testNode({ url: elsewhere.url }) });
  await until(({ servingSinceMs }) => servingSinceMs !== null);
  assert.ok(elsewhere.asked > 0);
});

test('those who never answer keep nobody out, and are asked ever more seldom', async (t) => {
  await using silent = await startReadiness();
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-admission-'));
  using database = openDatabase(join(directory.path, 'state.db'));
  const clock = new ManualClock(0);
  const admitted: string[] = [];
  const nodes = Array.from({ length: PROBE_LIMIT * 2 }, (_, index) =>
    testNode({ id: `edge-${index}`, url: silent.url }),
  );
  const good = await startReadiness();
  await using _ = good;
  good.ready = true;
  nodes.push(testNode({ id: 'edge-good', url: good.url }));
  const members = nodes.map(
    (node) => ({ record: { ...node, servingSinceMs: null, healthy: true } }) as unknown as Member,
  );
  const admission = new Admission({
    fleet: { members: () => members.filter(({ record }) => !admitted.includes(record.id)) },
    enrolled: {
      async update(id, change) {
        const node = nodes.find((one) => one.id === id);
        return change({ node, servingSinceMs: null } as unknown as EnrolledNode);
      },
    },
    store: openEmbeddedStore(database),
    clock,
    random: () => 1,
    onAdmitted: (id) => admitted.push(id),
  });
  for (let turn = 0; turn < 3; turn += 1) await admission.probe();
  assert.deepEqual(admitted, ['edge-good']);
  assert.equal(silent.asked, PROBE_LIMIT * 2);
  assert.equal((await admission.refusals()).size, PROBE_LIMIT * 2);
  for (let turn = 0; turn < 60; turn += 1) {
    clock.advance(1_000);
    for (let round = 0; round < 3; round += 1) await admission.probe();
  }
  t.diagnostic(`${silent.asked / PROBE_LIMIT / 2} probes each in a minute`);
  assert.ok(silent.asked / (PROBE_LIMIT * 2) <= 19, 'four seconds apart in the end');
});

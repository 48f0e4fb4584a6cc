import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { FeedState } from '@headwater/protocol/feed-state';
import { testRecord } from '@headwater/protocol/test-node';
import { Probes, type Verdict } from './health.ts';

interface FakeEdge extends AsyncDisposable {
  readonly url: string;
  /** false: takes requests and never answers */
  answers: boolean;
  status: number;
}

async function startEdge(): Promise<FakeEdge> {
  const server: Server = createServer((_, response) => {
    if (edge.answers) response.writeHead(edge.status).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const edge: FakeEdge = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answers: true,
    status: 200,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close').catch(() => undefined);
    },
  };
  return edge;
}

/** Probes of one edge, and how to wait for what they find. */
function watch(url: string): {
  readonly state: FeedState;
  readonly probes: Probes;
  readonly until: (verdict: Verdict) => Promise<number>;
} {
  const state = new FeedState();
  state.apply({ cursor: '1', snapshot: true, messages: [{ type: 'node', node: testRecord({ url }) }] });
  let changed = (): void => undefined;
  const probes = new Probes({ state, onChange: () => changed() });
  return {
    state,
    probes,
    async until(verdict) {
      const startMs = performance.now();
      while (probes.verdict('edge-1') !== verdict) await new Promise<void>((resolve) => (changed = resolve));
      return performance.now() - startMs;
    },
  };
}

test('an edge that answers is up, whatever it answers', async () => {
  await using edge = await startEdge();
  edge.status = 503;
  const { probes, until } = watch(edge.url);
  await using _ = probes;
  assert.equal(probes.verdict('edge-1'), 'unknown');
  await until('up');
});

test('one that is gone, or hangs, is down within three seconds, and up again when it answers', async () => {
  const edge = await startEdge();
  const { probes, until } = watch(edge.url);
  await using _ = probes;
  await until('up');
  edge.answers = false;
  const hungMs = await until('down');
  assert.ok(hungMs < 3_000, `${hungMs} ms`);
  edge.answers = true;
  await until('up');
  await edge[Symbol.asyncDispose]();
  const goneMs = await until('down');
  assert.ok(goneMs < 3_000, `${goneMs} ms`);
});

test('a node that moved is judged anew, and one that left is not probed', async () => {
  await using edge = await startEdge();
  const { state, probes, until } = watch('http://127.0.0.1:9');
  await using _ = probes;
  await until('down');
  state.apply({ cursor: '2', snapshot: false, messages: [{ type: 'node', node: testRecord({ url: edge.url }) }] });
  await until('up');
  state.apply({ cursor: '3', snapshot: false, messages: [{ type: 'node-removed', id: 'edge-1' }] });
  assert.equal(probes.verdict('nobody'), 'unknown');
});

test('of a fleet larger than what is probed at once, every edge is probed', { timeout: 20_000 }, async () => {
  await using edge = await startEdge();
  const state = new FeedState();
  const ids = Array.from({ length: 300 }, (_, index) => `edge-${index}`);
  const messages = ids.map((id) => ({ type: 'node', node: testRecord({ id, url: `${edge.url}/${id}` }) }) as const);
  state.apply({ cursor: '1', snapshot: true, messages });
  const up = new Set<string>();
  const all = Promise.withResolvers<void>();
  await using _ = new Probes({
    state,
    onChange(id, verdict) {
      if (verdict === 'up') up.add(id);
      if (up.size === ids.length) all.resolve();
    },
  });
  await all.promise;
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { CommandError } from './command-error.ts';
import { type Bearer, OperatorApi, fixedBearer } from './operator-api.ts';

interface Asked {
  readonly authorization: string | undefined;
  readonly path: string;
  readonly key: string | undefined;
  readonly body: string;
}

/** A control plane that answers as it is told, request by request. */
async function startServer(answers: readonly ((response: ServerResponse) => void)[], bearer = fixedBearer('token')) {
  const asked: Asked[] = [];
  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const { authorization, 'idempotency-key': key } = request.headers;
    asked.push({ authorization, path: request.url ?? '', key: key as string | undefined, body });
    answers[asked.length - 1]?.(response);
  }
  const server = createServer((request, response) => void take(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    asked,
    url,
    api: new OperatorApi([url], bearer),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await server[Symbol.asyncDispose]();
    },
  };
}

function json(status: number, body: object, headers: Readonly<Record<string, string>> = {}) {
  return (response: ServerResponse) => response.writeHead(status, headers).end(JSON.stringify(body));
}

function hangUp(response: ServerResponse): void {
  response.destroy();
}

test('what is made is asked for again under the same key when the answer is lost', async () => {
  const again = json(409, { code: 'idempotency_in_progress' });
  await using server = await startServer([hangUp, again, json(503, {}), json(201, { stream: 'show' })]);
  assert.deepEqual(await server.api.make('/v1/streams', { name: 'show' }), { stream: 'show' });
  assert.equal(server.asked.length, 4);
  assert.match(server.asked[0]?.key ?? '', /^[0-9a-f-]{36}$/);
  assert.equal(new Set(server.asked.map((one) => JSON.stringify(one))).size, 1, 'every one is the same');
});

test('each thing that is made has a key of its own, and what was refused is not asked again', async () => {
  await using server = await startServer([json(409, { code: 'stream_exists', detail: 'show is there already' })]);
  await assert.rejects(server.api.make('/v1/streams', {}), (error) => {
    assert.ok(error instanceof CommandError);
    assert.deepEqual([error.message, error.code], ['show is there already (stream_exists)', 'stream_exists']);
    return true;
  });
  assert.equal(server.asked.length, 1);
  await using other = await startServer([json(201, {}), json(201, {})]);
  await other.api.make('/a', {});
  await other.api.make('/a', {});
  assert.notEqual(other.asked[0]?.key, other.asked[1]?.key);
});

test('a control plane that never answers is given up', async () => {
  await using server = await startServer([hangUp, hangUp, hangUp, hangUp]);
  await assert.rejects(server.api.make('/v1/streams', {}), /does not answer/);
  assert.equal(server.asked.length, 4);
});

test('of several replicas the next is asked, but what changes something only where it cannot have arrived', async () => {
  await using one = await startServer([hangUp, hangUp]);
  await using two = await startServer([json(200, { id: 1 }), json(200, {}), json(200, {})]);
  const api = new OperatorApi([one.url, two.url], fixedBearer('token'));
  assert.deepEqual(await api.ask('GET', '/a'), { id: 1 });
  await api.ask('GET', '/b');
  assert.equal(one.asked.length, 1, 'the one that answers is stayed with');
  const gone = await startServer([]);
  await gone[Symbol.asyncDispose]();
  const dead = new OperatorApi([gone.url, two.url], fixedBearer('token'));
  await dead.ask('DELETE', '/c');
  const lost = new OperatorApi([one.url, two.url], fixedBearer('token'));
  await assert.rejects(lost.ask('DELETE', '/d'), /does not answer/);
  assert.equal(two.asked.length, 3);
});

test('a list is followed to its last page', async () => {
  const page = (nodes: number[], next?: string) =>
    json(200, { nodes }, next === undefined ? {} : { link: `<${next}>; rel="next"` });
  await using server = await startServer([page([1, 2], '/v1/nodes?cursor=b'), page([3])]);
  assert.deepEqual(await server.api.list('/v1/nodes', 'nodes'), [1, 2, 3]);
  assert.deepEqual(
    server.asked.map(({ path }) => path),
    ['/v1/nodes', '/v1/nodes?cursor=b'],
  );
});

/** A person's session: each token is good until the next is asked for. */
function person(...tokens: string[]): Bearer {
  return {
    isPerson: true,
    async token(refused) {
      if (refused !== undefined && refused === tokens[0]) tokens.shift();
      return tokens[0] ?? null;
    },
  };
}

test('a token that is taken no more is renewed once, and what was asked is asked again', async () => {
  const old = json(401, { code: 'access_token_expired' });
  await using server = await startServer([old, json(200, { name: 'anna' }), old, old], person('one', 'two', 'three'));
  assert.deepEqual(await server.api.ask('GET', '/v1/me'), { name: 'anna' });
  await assert.rejects(server.api.ask('GET', '/v1/me'), { exitCode: 77, code: 'access_token_expired' });
  const carried = server.asked.map(({ authorization }) => authorization);
  assert.deepEqual(carried, ['Bearer one', 'Bearer two', 'Bearer two', 'Bearer three']);
});

test('a session that has ended is told as that; an API key has none to renew', async () => {
  const refused = json(401, { code: 'access_token_expired' });
  await using ended = await startServer([refused], person('one'));
  await assert.rejects(ended.api.ask('GET', '/v1/me'), { exitCode: 77, message: /session has ended: headwater login/ });
  await using program = await startServer([refused]);
  await assert.rejects(program.api.ask('GET', '/v1/me'), { code: 'access_token_expired' });
  assert.equal(program.asked.length, 1);
});

test('a refusal that says when to come again is told with it', async () => {
  await using server = await startServer([json(429, { code: 'login_throttled', title: 'x' }, { 'retry-after': '8' })]);
  await assert.rejects(server.api.ask('POST', '/v1/login', {}), { message: 'x; again in 8 s (login_throttled)' });
});

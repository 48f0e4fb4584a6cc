import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HTTP_CLIENT_LIMITS } from './http-client.ts';
import { startRawServer } from './raw-server.ts';
import { record } from './recorded-fetch.ts';
import { UpstreamClient, type UpstreamRequest } from './upstream-client.ts';

function requestOf(origins: readonly string[], more: Partial<UpstreamRequest> = {}): UpstreamRequest {
  const zone = { name: 'zone', origins };
  return { zone, method: 'GET', path: '/a', fields: [], body: null, key: 'zone/a', isIdempotent: true, ...more };
}

test('a request names the origin, this node and the way that it came', async () => {
  await using origin = await startRawServer((socket) => void socket.write('HTTP/1.1 204 None\r\n\r\n'));
  const client = new UpstreamClient({ nodeId: 'edge-1', limits: HTTP_CLIENT_LIMITS });
  const heard = await record((handler) => client.fetch(requestOf([origin.url]), handler));
  client.close();
  assert.equal(heard.head?.from, origin.url);
  const head = `host: 127.0.0.1:${origin.port}\r\nconnection: keep-alive\r\nvia: 1.1 edge-1\r\ncdn-loop: edge-1\r\n\r\n`;
  assert.equal(origin.requests[0], `GET /a HTTP/1.1\r\n${head}`);
});

test('a request that was here before goes nowhere', async () => {
  await using origin = await startRawServer(() => undefined);
  const client = new UpstreamClient({ nodeId: 'edge-1', limits: HTTP_CLIENT_LIMITS });
  const request = requestOf([origin.url], { fields: ['cdn-loop', 'x, edge-1'] });
  const heard = await record((handler) => client.fetch(request, handler));
  client.close();
  assert.equal(heard.error?.code, 'loop');
  assert.equal(origin.connections, 0);
});

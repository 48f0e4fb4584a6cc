import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { acceptAbsoluteForm } from './absolute-form.ts';

test('a whole URL is a path and a host; what is neither stays what it is', async () => {
  const server = createServer({ requireHostHeader: false }, ({ url, headers, rawHeaders }, response) =>
    response.end(JSON.stringify([url, headers.host, rawHeaders])),
  );
  acceptAbsoluteForm(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const seen = async (target: string, host = 'Host: other\r\n'): Promise<unknown> => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.end(`GET ${target} HTTP/1.1\r\n${host}Connection: close\r\n\r\n`);
    const [, body = ''] = (await text(socket)).split('\r\n\r\n');
    return JSON.parse(/\[.*\]/s.exec(body)?.[0] ?? body);
  };
  const close = ['Connection', 'close'];
  assert.deepEqual(await seen('/a?b'), ['/a?b', 'other', ['Host', 'other', ...close]]);
  assert.deepEqual(await seen('http://cdn:80/a?b=http://c'), ['/a?b=http://c', 'cdn:80', ['Host', 'cdn:80', ...close]]);
  assert.deepEqual(await seen('HTTPS://cdn', ''), ['/', 'cdn', [...close, 'Host', 'cdn']]);
  assert.deepEqual(await seen('http://u:p@cdn/a'), ['http://u:p@cdn/a', 'other', ['Host', 'other', ...close]]);
  assert.deepEqual(await seen('http:///a'), ['http:///a', 'other', ['Host', 'other', ...close]]);
  server.close();
});

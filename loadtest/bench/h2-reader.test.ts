import assert from 'node:assert/strict';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { readStreamsOverAndOver } from './h2-reader.ts';

test('counts every whole answer, and stops at one that is none', async () => {
  let served = 0;
  const server = createServer((request, response) => {
    served += 1;
    response.writeHead(request.url === '/gone' ? 410 : 200).end(Buffer.alloc(100_000));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const options = { connections: 2, streams: 3, seconds: 0.2 };
  const { requests, bytes } = await readStreamsOverAndOver({ ...options, url: `${origin}/a` });
  assert.equal(requests, served);
  assert.equal(bytes, served * 100_000);
  await assert.rejects(
    readStreamsOverAndOver({ ...options, connections: 1, streams: 1, url: `${origin}/gone` }),
    /410/,
  );
  server.close();
});

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { readOverAndOver } from './discarding-reader.ts';

async function serve(
  status: number,
  sizeBytes: number,
): Promise<AsyncDisposable & { url: string; served: () => number }> {
  let served = 0;
  const body = Buffer.alloc(sizeBytes, 'a');
  const server = createServer((_request, response) => {
    served += 1;
    response.writeHead(status, { 'content-length': sizeBytes }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    served: () => served,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

for (const sizeBytes of [1, 1_500, 700_000]) {
  test(`counts every whole answer of ${sizeBytes} bytes and no other`, async () => {
    await using server = await serve(200, sizeBytes);
    const got = await readOverAndOver({ url: server.url, connections: 3, seconds: 0.1 });
    assert.equal(got.requests, server.served());
    assert.ok(got.requests >= 3);
    assert.ok(got.bytes > got.requests * sizeBytes);
  });
}

test('an error from the server is not counted as a fast answer', async () => {
  await using server = await serve(403, 10);
  await assert.rejects(readOverAndOver({ url: server.url, connections: 1, seconds: 0.1 }), /403/);
});

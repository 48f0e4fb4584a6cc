/** An origin that answers `/N` with N bytes that may be kept for hours, under as many names as there are queries. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export async function startSizedOrigin(): Promise<AsyncDisposable & { readonly url: URL }> {
  const server = createServer((request, response) => {
    const bytes = Number(request.url?.slice(1).split('?')[0]);
    if (Number.isNaN(bytes)) return void response.writeHead(404).end();
    response.writeHead(200, { 'cache-control': 'max-age=36000', etag: `"${bytes}"`, 'content-length': bytes });
    response.end(Buffer.alloc(bytes, 'x'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

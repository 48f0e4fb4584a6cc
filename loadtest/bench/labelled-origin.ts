/** An origin that knows who asks it: each asker is given an address of its own. */

import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

interface Asked {
  readonly path: string;
  /** whose address was asked */
  readonly by: string;
  /** an answer that broke off is taken up */
  readonly isRest: boolean;
}

/** What every object is. */
export const BODY = Buffer.alloc(100_000, 'headwater ');
const PIECES = 4;
const PIECE_MS = 5;

/**
 * What is below `/owner/` may not be stored, so that whoever has its key asks each time; what is below `/slow/` comes in pieces, so
 * that a death finds it on its way; all else comes at once.
 */
export class LabelledOrigin implements AsyncDisposable {
  asked: Asked[] = [];
  readonly #servers: Server[] = [];

  /** An address for one who asks. */
  async addressFor(by: string): Promise<URL> {
    const server = createServer((request, response) => {
      this.asked.push({ path: request.url ?? '', by, isRest: request.headers.range !== undefined });
      void answer(request, response);
    });
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) server.closeAllConnections();
    await Promise.all(this.#servers.map((server) => server[Symbol.asyncDispose]()));
  }
}

async function answer({ url = '', headers }: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, first] = /^bytes=(\d+)-$/.exec(headers.range ?? '') ?? [];
  const from = Number(first ?? 0);
  response.writeHead(first === undefined ? 200 : 206, {
    etag: `"${url}"`,
    'cache-control': url.startsWith('/owner/') ? 'no-store' : 'max-age=3600',
    'content-length': BODY.length - from,
    ...(first === undefined ? {} : { 'content-range': `bytes ${from}-${BODY.length - 1}/${BODY.length}` }),
  });
  if (!url.startsWith('/slow/')) return void response.end(BODY.subarray(from));
  const size = Math.ceil((BODY.length - from) / PIECES);
  for (let at = from; at < BODY.length && !response.destroyed; at += size) {
    response.write(BODY.subarray(at, at + size));
    await sleep(PIECE_MS);
  }
  response.end();
}

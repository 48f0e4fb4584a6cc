/** A proxy that stores nothing: the least that the model must be content with. */

import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PLACES } from './history.ts';
import type { SystemUnderTest } from './system-under-test.ts';

const CONNECTION_ONLY = new Set(['connection', 'keep-alive', 'transfer-encoding', 'x-hop']);

export async function startPassThrough({ originUrl }: { readonly originUrl: string }): Promise<SystemUnderTest> {
  const server = createServer((request, response) => forward(originUrl, request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    activity: 0,
    restMs: 0,
    port: () => (server.address() as AddressInfo).port,
    purge: () => undefined,
    restart: () => Promise.resolve(),
    happen: () => Promise.resolve(),
    token: () => 'none',
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The fields that go on to the origin, with the host of a zone that names hosts. */
export function forwarded(request: IncomingMessage): Record<string, string | string[]> {
  const { host = '', connection: _, ...headers } = request.headers;
  const isNamed = PLACES.some((place) => place.host === host);
  return { ...(headers as Record<string, string>), ...(isNamed ? { 'x-forwarded-host': host } : {}) };
}

/** Without what is about one connection alone. */
export function endToEnd(raw: readonly string[]): string[] {
  const fields: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name = '', value = ''] = [raw[at], raw[at + 1]];
    if (!CONNECTION_ONLY.has(name.toLowerCase())) fields.push(name, value);
  }
  return fields;
}

function forward(originUrl: string, request: IncomingMessage, response: ServerResponse): void {
  const headers = forwarded(request);
  const outgoing = httpRequest(originUrl + (request.url ?? ''), { method: request.method, headers, agent: false });
  request.pipe(outgoing);
  outgoing.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, endToEnd(answer.rawHeaders));
    answer.pipe(response);
    // What ended before its end must not look whole.
    answer.on('error', () => response.destroy());
  });
  outgoing.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
  response.on('close', () => outgoing.destroy());
}

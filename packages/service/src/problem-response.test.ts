import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { listen } from './listen.ts';
import { problemResponse, refuseUnreadable, sendProblem } from './problem-response.ts';

/** What a raw request gets from a server that answers every request with a problem, late ones after half an answer. */
async function ask(request: string): Promise<string> {
  const server = createServer((incoming, response) => {
    if (incoming.url === '/half') response.write('half');
    sendProblem(response, 'not_found', { detail: 'no such thing', headers: { 'x-a': 'b' } });
  });
  server.on('clientError', refuseUnreadable);
  const port = await listen(server, { port: 0, host: '127.0.0.1', variable: 'TEST_PORT' });
  const socket = connect(port, '127.0.0.1');
  socket.end(request);
  const answer = await text(socket).catch((error: NodeJS.ErrnoException) => `cut: ${error.code}`);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  return answer;
}

const BODY = '{"type":"about:blank","status":404,"title":"not found","code":"not_found","detail":"no such thing"}';

test('a node:http answer and a Response say the same', async () => {
  const raw = await ask('GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n');
  assert.match(
    raw,
    /^HTTP\/1\.1 404 Not Found\r\ncontent-type: application\/problem\+json\r\ncache-control: no-store\r\nx-a: b\r\n/,
  );
  assert.ok(raw.endsWith(`\r\n\r\n${BODY}`));
  const response = problemResponse('not_found', { detail: 'no such thing', headers: { 'x-a': 'b' } });
  assert.equal(response.status, 404);
  assert.equal(response.headers.get('content-type'), 'application/problem+json');
  assert.equal(response.headers.get('cache-control'), 'no-store');
  assert.equal(await response.text(), BODY);
});

test('HEAD gets the headers alone', async () => {
  const raw = await ask('HEAD / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n');
  assert.match(raw, new RegExp(`content-length: ${BODY.length}\r\n`));
  assert.ok(raw.endsWith('\r\n\r\n'));
});

test('an answer that has begun is cut, not continued', async () => {
  const raw = await ask('GET /half HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n');
  assert.ok(!raw.includes('no such thing'));
  assert.ok(!raw.endsWith('0\r\n\r\n'));
});

test('what is no request gets a problem, too', async () => {
  assert.match(await ask('NONSENSE\r\n\r\n'), /^HTTP\/1\.1 400 Bad Request\r\n.*"code":"bad_request"/s);
  const long = `GET / HTTP/1.1\r\nhost: h\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`;
  assert.match(await ask(long), /^HTTP\/1\.1 431 Request Header Fields Too Large\r\n.*"code":"headers_too_large"/s);
});

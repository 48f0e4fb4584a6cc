import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ServerResponse, createServer } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { listen } from './listen.ts';
import { problemResponse, refuseOddities, sendProblem } from './problem-response.ts';

/** What a raw request gets from a server that answers every request with a problem, late ones after half an answer. */
async function ask(request: string): Promise<string> {
  const server = createServer((incoming, response) => {
    if (incoming.url === '/half') response.write('half');
    sendProblem(response, 'not_found', { detail: 'no such thing', headers: { 'x-a': 'b' } });
  });
  refuseOddities(server, { 'x-c': 'd' });
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
  assert.match(
    await ask('CONNECT h:1 HTTP/1.1\r\nhost: h\r\n\r\n'),
    /^HTTP\/1\.1 405 .*x-c: d\r\n.*"method_not_allowed"/s,
  );
  const expects = 'GET / HTTP/1.1\r\nhost: h\r\nexpect: wonders\r\nconnection: close\r\n\r\n';
  assert.match(await ask(expects), /^HTTP\/1\.1 417 .*"code":"expectation_failed"/s);
});

test('a request that does not come in time is told so', async () => {
  const server = createServer({ headersTimeout: 50, connectionsCheckingInterval: 10 });
  refuseOddities(server);
  const port = await listen(server, { port: 0, host: '127.0.0.1', variable: 'TEST_PORT' });
  const socket = connect(port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nhost');
  assert.match(await text(socket), /^HTTP\/1\.1 408 Request Timeout\r\n.*"code":"request_timeout"/s);
  await new Promise((resolve) => server.close(resolve));
});

test('who asks for a tunnel and resets, or holds on, ends nothing but his own connection', async () => {
  const server = createServer((_request, response) => response.end('well'));
  refuseOddities(server);
  const port = await listen(server, { port: 0, host: '127.0.0.1', variable: 'TEST_PORT' });
  const sockets = Array.from({ length: 100 }, () => connect({ port, host: '127.0.0.1', allowHalfOpen: true }));
  for (const [index, socket] of sockets.entries()) {
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(index % 2 === 0 ? 'CONNECT h:1 HTTP/1.1\r\nhost: h\r\n\r\n' : 'NONSENSE\r\n\r\n');
    if (index >= 2) socket.resetAndDestroy();
  }
  for (const socket of sockets.slice(0, 2)) await once(socket.resume(), 'end');
  assert.equal(await (await fetch(`http://127.0.0.1:${port}`, { headers: { connection: 'close' } })).text(), 'well');
  const open = (): Promise<number> => new Promise((resolve) => server.getConnections((_, count) => resolve(count)));
  while ((await open()) > 0) await setImmediate();
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

test('answers that come before what is no request are whole, and in turn', async () => {
  const answers: ServerResponse[] = [];
  const server = createServer((_request, response) => void answers.push(response));
  refuseOddities(server);
  const port = await listen(server, { port: 0, host: '127.0.0.1', variable: 'TEST_PORT' });
  const socket = connect(port, '127.0.0.1');
  const one = 'GET / HTTP/1.1\r\nhost: h\r\n\r\n';
  socket.write(`${one}${one}NONSENSE\r\n\r\nNONSENSE\r\n\r\n`);
  const all = text(socket);
  while (answers.length < 2) await setImmediate();
  answers[0]?.writeHead(200, { 'content-length': 4 }).write('on');
  await setImmediate();
  answers[1]?.end('two');
  answers[0]?.end('e!');
  assert.match(
    await all,
    /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\none!HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\ntwoHTTP\/1\.1 400 Bad Request\r\n[^H]*$/,
  );
  await new Promise((resolve) => server.close(resolve));
});

test('an answer to a request whose body breaks off is cut', async () => {
  const server = createServer(
    (_request, response) => void response.writeHead(200, { 'content-length': 900 }).write('half'),
  );
  refuseOddities(server);
  const port = await listen(server, { port: 0, host: '127.0.0.1', variable: 'TEST_PORT' });
  const socket = connect(port, '127.0.0.1');
  socket.write('POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n');
  await once(socket, 'data');
  socket.write('NONSENSE\r\n');
  const rest = await text(socket).catch(() => '');
  assert.equal(rest, '');
  await new Promise((resolve) => server.close(resolve));
});

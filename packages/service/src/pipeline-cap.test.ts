import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ServerResponse, createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { test } from 'node:test';
import { PIPELINE_LIMIT, capPipeline } from './pipeline-cap.ts';

test('so many requests stand behind one, time and again; one more and their connection is cut', async () => {
  const held: ServerResponse[] = [];
  const hold = (_: unknown, response: ServerResponse): void => void held.push(response);
  const server = createServer(hold).on('checkExpectation', hold);
  capPipeline(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').resume();
  const send = (count: number, field = ''): void =>
    void socket.write(`GET / HTTP/1.1\r\nHost: a\r\n${field}\r\n`.repeat(count));
  const holds = async (count: number): Promise<void> => {
    while (held.length < count) await new Promise(setImmediate);
  };
  for (let round = 0; round < 3; round += 1) {
    send(1 + PIPELINE_LIMIT);
    await holds(1 + PIPELINE_LIMIT);
    const last = held.at(-1) as ServerResponse;
    const answered = once(last, 'finish');
    for (const response of held.splice(0)) response.end();
    await answered;
    assert.equal(socket.destroyed, false);
  }
  const cut = once(
    socket.on('error', () => undefined),
    'close',
  );
  send(1);
  send(PIPELINE_LIMIT, 'Expect: nothing\r\n');
  await holds(1 + PIPELINE_LIMIT);
  send(1, 'Expect: nothing\r\n');
  await cut;
  await server[Symbol.asyncDispose]();
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import { type AddressInfo, type Socket, connect } from 'node:net';
import { afterEach, beforeEach, test } from 'node:test';
import { type Stored, storeMedia } from './stored.ts';
import { Unsent } from './unsent.ts';

/** More than the kernel takes for who reads nothing. */
const SIZE = 24 * 1024 * 1024;

let objects: Map<string, Stored>;
let seen: { answered: number; cut: number };
let unsent: Unsent;
let server: Server;
let readers: Socket[];
const errors = new WeakMap<Socket, string[]>();

beforeEach(async () => {
  objects = new Map(['/a', '/b', '/c'].map((name) => [name, object(name, SIZE)]));
  objects.set('/small', object('/small', 1_000));
  seen = { answered: 0, cut: 0 };
  readers = [];
  unsent = new Unsent({ limitBytes: 2 * SIZE, onCut: () => (seen.cut += 1) });
  server = createServer((request, response) => {
    const stored = named(request.url ?? '');
    response.end(stored.body);
    unsent.add(stored, stored.body.length, response);
    seen.answered += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  for (const reader of readers) reader.destroy();
  server.closeAllConnections();
  await server[Symbol.asyncDispose]();
});

function object(name: string, bytes: number): Stored {
  return storeMedia(name, Buffer.alloc(bytes), { mediaType: 'video/mp4', madeMs: 0 });
}

function named(name: string): Stored {
  return objects.get(name) ?? assert.fail(name);
}

/** One that asks for these and reads nothing. */
async function stuck(...names: readonly string[]): Promise<Socket> {
  const reader = connect((server.address() as AddressInfo).port, '127.0.0.1').pause();
  readers.push(reader);
  errors.set(reader, []);
  reader.on('error', ({ code = '' }: NodeJS.ErrnoException) => errors.get(reader)?.push(code));
  const asked = seen.answered + names.length;
  reader.write(names.map((name) => `GET ${name} HTTP/1.1\r\nHost: e\r\n\r\n`).join(''));
  while (seen.answered < asked) await new Promise(setImmediate);
  return reader;
}

async function holds(bytes: number): Promise<void> {
  while (unsent.heldBytes !== bytes) await new Promise(setImmediate);
}

test('many readers hold an object once, and nothing while the cache has it', async () => {
  unsent.keep(named('/a'));
  unsent.keep(named('/a'));
  const three = [await stuck('/a'), await stuck('/a'), await stuck('/a')];
  unsent.release(named('/a'));
  assert.equal(unsent.heldBytes, 0);
  unsent.release(named('/a'));
  assert.equal(unsent.heldBytes, SIZE);
  unsent.keep(named('/a'));
  assert.equal(unsent.heldBytes, 0, 'it has come back');
  unsent.release(named('/a'));
  assert.equal(unsent.heldBytes, SIZE);
  three[0]?.destroy();
  three[1]?.destroy();
  await once(three[1] as Socket, 'close');
  assert.equal(unsent.heldBytes, SIZE);
  three[2]?.resume();
  await holds(0);
  assert.equal(three[2]?.destroyed, false, 'it has read all');
  unsent.release(named('/b'));
  await stuck('/small');
  assert.equal(unsent.heldBytes, 0, 'who reads nothing of it holds nothing');
});

test('at the limit nobody is cut off; beyond it they are who read what was dropped first', async () => {
  const [first, second] = [await stuck('/a'), await stuck('/a')];
  const other = await stuck('/b');
  assert.deepEqual([unsent.heldBytes, seen.cut], [2 * SIZE, 0]);
  await stuck('/c');
  assert.deepEqual([unsent.heldBytes, seen.cut], [2 * SIZE, 2]);
  for (const reader of [first, second]) {
    if (!reader.closed) await new Promise((resolve) => reader.resume().once('close', resolve));
    assert.deepEqual(errors.get(reader), ['ECONNRESET'], 'no end that may be a good one');
  }
  other.resume();
  await holds(SIZE);
  assert.equal(other.destroyed, false);
  await stuck('/a');
  assert.deepEqual([unsent.heldBytes, seen.cut], [2 * SIZE, 2], 'who asks for it anew counts anew');
});

test('answers that stand behind another one are let go with their connection', async () => {
  const reader = await stuck('/a', '/b');
  assert.equal(unsent.heldBytes, 2 * SIZE);
  reader.destroy();
  await holds(0);
  assert.equal(seen.cut, 0);
});

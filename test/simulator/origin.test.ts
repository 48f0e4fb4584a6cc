import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { ManualClock } from '@headwater/service/clock';
import { bodyOf } from './body.ts';
import { Sequence } from './exchange.ts';
import type { Fault, Representation } from './history.ts';
import { Origin } from './origin.ts';

const PLAIN: Representation = {
  status: 200,
  lengthBytes: 1_000,
  etag: 'strong',
  modifiedAgoS: 100,
  control: 'max-age=60',
  targeted: null,
  expiresInS: null,
  ageS: null,
  sendsDate: true,
  vary: [],
  setsCookie: false,
  tags: ['red'],
  framing: 'length',
  ranges: 'good',
  extras: false,
};

async function startOrigin(change: Partial<Representation> = {}): Promise<Origin> {
  const origin = new Origin(new ManualClock(Date.UTC(2028, 0, 2)), new Sequence());
  await origin.listen();
  origin.update('*/x', { ...PLAIN, ...change });
  return origin;
}

/** All that a connection brings for one request, and how it ended. */
async function ask(origin: Origin, fields = '', method = 'GET'): Promise<{ text: string; wasReset: boolean }> {
  const socket = connect(Number(new URL(origin.url).port), '127.0.0.1');
  let text = '';
  let wasReset = false;
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  socket.on('error', () => (wasReset = true));
  socket.write(`${method} /x HTTP/1.1\r\nHost: o\r\n${fields}\r\n`);
  socket.on('data', () => isWhole(text, method) && socket.destroy());
  await new Promise((resolve) => socket.once('close', resolve));
  return { text, wasReset };
}

function isWhole(text: string, method: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  if (method === 'HEAD' || text.startsWith('HTTP/1.1 304')) return true;
  if (text.includes('Transfer-Encoding: chunked')) return text.endsWith('0\r\n\r\n');
  const length = /Content-Length: (\d+)/.exec(text)?.[1];
  return length !== undefined && text.length >= end + 4 + Number(length);
}

const whole = bodyOf({ place: '*/x', version: 1, variant: 'one', lengthBytes: 1_000 }).toString('latin1');

test('a body names its key, its version and where in it each line stands', () => {
  assert.match(whole, /^\*\/x v1 one @0\.+\n\*\/x v1 one @48\.+\n/);
  const other = bodyOf({ place: '*/x', version: 2, variant: 'one', lengthBytes: 1_000 }).toString('latin1');
  assert.notEqual(other, whole);
});

test('answers whole, by range, by condition and not at all as asked', async () => {
  await using origin = await startOrigin();
  assert.ok((await ask(origin)).text.endsWith(`\r\n\r\n${whole}`));
  const part = (await ask(origin, 'Range: bytes=100-199\r\nIf-Range: "v1-one"\r\n')).text;
  assert.match(part, /^HTTP\/1\.1 206/);
  assert.match(part, /Content-Range: bytes 100-199\/1000\r\n/);
  assert.ok(part.endsWith(`\r\n\r\n${whole.slice(100, 200)}`));
  assert.match((await ask(origin, 'Range: bytes=100-199\r\nIf-Range: "v0-one"\r\n')).text, /^HTTP\/1\.1 200/);
  assert.match((await ask(origin, 'Range: bytes=1000-\r\n')).text, /^HTTP\/1\.1 416[^]*bytes \*\/1000/);
  assert.match((await ask(origin, 'If-None-Match: W/"v1-one"\r\n')).text, /^HTTP\/1\.1 304/);
  assert.match((await ask(origin, 'If-None-Match: "v0-one"\r\n')).text, /^HTTP\/1\.1 200/);
  assert.ok((await ask(origin, '', 'HEAD')).text.endsWith('\r\n\r\n'));
});

test('writes down what it did', async () => {
  await using origin = await startOrigin();
  await ask(origin, 'Range: bytes=100-199\r\n');
  const [exchange] = origin.exchanges;
  assert.deepEqual(
    [exchange?.status, exchange?.sentFrom, exchange?.sentTo, exchange?.ended],
    [206, 100, 200, 'complete'],
  );
  assert.equal(exchange?.fields.get('x-serial'), '1');
});

test('dies at just the byte it is told to, resetting or in silence, and only once', async () => {
  for (const reset of [true, false]) {
    for (const framing of ['length', 'chunked'] as const) {
      await using origin = await startOrigin({ framing });
      origin.fail('*/x', { kind: 'die', at: 0.25, reset });
      const died = await ask(origin);
      assert.equal(isWhole(died.text, 'GET'), false);
      assert.equal(died.wasReset, reset);
      assert.equal(origin.exchanges[0]?.sentTo, 250);
      assert.equal(origin.exchanges[0]?.ended, 'died');
      assert.equal(isWhole((await ask(origin)).text, 'GET'), true);
    }
  }
});

test('refuses, and fails with a status', async () => {
  await using origin = await startOrigin();
  const faults: Fault[] = [{ kind: 'refuse' }, { kind: 'status', status: 503 }];
  for (const fault of faults) origin.fail('*/x', fault);
  assert.equal((await ask(origin)).text, '');
  assert.match((await ask(origin)).text, /^HTTP\/1\.1 503/);
});

test('stands still where it is told to until it is released', async () => {
  await using origin = await startOrigin();
  const hold = origin.hold('*/x', 0.5);
  const asking = ask(origin);
  await hold.reached;
  assert.equal(origin.open, 1);
  assert.equal(origin.exchanges[0]?.sentTo, 500);
  hold.release();
  assert.ok((await asking).text.endsWith(whole));
  assert.equal(origin.open, 0);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dateAfter, get, NOW_MS } from './sample-head.ts';
import { storedHead } from './stored-head.ts';

const TIMES = { requestMs: NOW_MS - 100, responseMs: NOW_MS };
const DATE = ['Date', dateAfter(-3)];

function keptOf(...fields: string[]): readonly string[] {
  return storedHead(get(), { status: 200, fields }, TIMES).fields;
}

test('all fields are kept but those of the connection', () => {
  const kept = [...DATE, 'ETag', '"a"', 'X-Any', '1', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'Age', '3'];
  assert.deepEqual(keptOf(...kept, 'Connection', 'x-b', 'X-B', '1', 'Proxy-Authenticate', 'Basic'), kept);
});

test('fields that private or no-cache names are not kept', () => {
  const control = ['Cache-Control', 'private="Set-Cookie", no-cache="a, b", max-age=60'];
  assert.deepEqual(keptOf(...DATE, ...control, 'Set-Cookie', 'x', 'A', '1', 'b', '2', 'c', '3'), [
    ...DATE,
    ...control,
    'c',
    '3',
  ]);
});

test('a response without a good Date gets the time of receipt', () => {
  assert.deepEqual(keptOf('A', '1'), ['A', '1', 'Date', dateAfter(0)]);
  assert.deepEqual(keptOf('Date', 'foo', 'A', '1'), ['A', '1', 'Date', dateAfter(0)]);
  assert.deepEqual(keptOf(...DATE, ...DATE), ['Date', dateAfter(0)]);
  assert.deepEqual(keptOf(...DATE), DATE);
});

test('what the request said in the fields that Vary names, and the times, are kept', () => {
  const request = get('Accept-Encoding', 'GZIP, br', 'X', '1');
  const head = storedHead(request, { status: 404, fields: [...DATE, 'Vary', 'Accept-Encoding, Y'] }, TIMES);
  assert.deepEqual(
    { ...head, fields: [] },
    {
      status: 404,
      fields: [],
      selecting: { 'accept-encoding': 'br,gzip', y: null },
      ...TIMES,
    },
  );
});

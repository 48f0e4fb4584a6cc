import assert from 'node:assert/strict';
import type { LookupFunction } from 'node:net';
import { test } from 'node:test';
import { sharedLookup } from './shared-lookup.ts';

type Told = Parameters<Parameters<LookupFunction>[2]>;

test('a name is looked up once for all who wait for it, and anew for who comes later', () => {
  const asked: { readonly hostname: string; readonly answer: (...told: Told) => void }[] = [];
  const lookup = sharedLookup((hostname, _options, answer) => void asked.push({ hostname, answer }));
  const heard: string[] = [];
  const ask = (who: string, hostname: string, family = 0): void =>
    lookup(hostname, { all: true, family }, (error, found) =>
      heard.push(`${who}: ${error?.message ?? JSON.stringify(found)}`),
    );
  for (const who of ['a', 'b', 'c']) ask(who, 'dead.example');
  ask('d', 'other.example');
  ask('e', 'dead.example', 6);
  assert.deepEqual(
    asked.map(({ hostname }) => hostname),
    ['dead.example', 'other.example', 'dead.example'],
  );
  asked[1]?.answer(null, '10.0.0.1', 4);
  assert.deepEqual(heard, ['d: "10.0.0.1"']);
  asked[0]?.answer(new Error('in vain'), '', 0);
  assert.deepEqual(heard.slice(1), ['a: in vain', 'b: in vain', 'c: in vain']);
  ask('f', 'dead.example');
  assert.equal(asked.length, 4);
});

test('an answer that comes at once is one', () => {
  const lookup = sharedLookup((_hostname, _options, answer) => answer(null, '10.0.0.1', 4));
  const heard: unknown[] = [];
  for (let round = 0; round < 2; round += 1) lookup('a.example', {}, (_error, found) => heard.push(found));
  assert.deepEqual(heard, ['10.0.0.1', '10.0.0.1']);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ownership, ownerOf, socketPath } from './ownership.ts';

const KEYS = Array.from({ length: 4_000 }, (_, index) => `show-${index}/v0/abcdefgh/${index}.m4s`);

test('every worker owns about its share, and all agree on whose a key is', () => {
  const workers = [1, 2, 3, 4];
  const counts = new Map<number, number>();
  for (const key of KEYS) {
    const owner = ownerOf(key, workers);
    assert.equal(ownerOf(key, workers.toReversed()), owner);
    counts.set(owner, (counts.get(owner) ?? 0) + 1);
  }
  for (const worker of workers) {
    const share = (counts.get(worker) ?? 0) / KEYS.length;
    assert.ok(share > 0.2 && share < 0.3, `worker ${worker}: ${share}`);
  }
});

test('where a worker ends its own keys change hands and no others', () => {
  for (const key of KEYS) {
    const before = ownerOf(key, [1, 2, 3]);
    const after = ownerOf(key, [1, 3]);
    if (before === 2) assert.notEqual(after, 2);
    else assert.equal(after, before);
  }
});

test('a key of another is asked for at its owner\u2019s socket, which is all that a name of ours leads to', () => {
  const ownership = new Ownership(1, '/run/edge');
  ownership.update([1, 2]);
  const foreign = KEYS.find((key) => !ownership.owns(key)) ?? '';
  const own = KEYS.find((key) => ownership.owns(key)) ?? '';
  assert.equal(ownership.elsewhere(own), null);
  const url = new URL(ownership.elsewhere(foreign) ?? '');
  assert.equal(ownership.socketOf(url.hostname), socketPath('/run/edge', 2));
  for (const host of ['origin.example', '127.0.0.1', 'worker-2.example', 'a.worker-2.invalid']) {
    assert.equal(ownership.socketOf(host), null, host);
  }
});

test('who is told that it does not serve yet serves what it is asked all the same', () => {
  const ownership = new Ownership(3, '/run/edge');
  ownership.update([]);
  assert.ok(KEYS.every((key) => ownership.owns(key)));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heldStreams } from './held-streams.ts';

test('a stream is held from its publish on, whether or not it has media yet', () => {
  const streams = new Map([
    ['playing', { epoch: { ordinal: 3 } }],
    ['waiting', { epoch: undefined }],
    ['ended', { epoch: { ordinal: 7 } }],
  ]);
  const broadcasts = new Map(['playing', 'waiting', 'new'].map((name) => [name, {}]));
  assert.deepEqual(heldStreams(broadcasts, streams), [
    { name: 'playing', epochOrdinal: 3 },
    { name: 'waiting', epochOrdinal: -1 },
    { name: 'new', epochOrdinal: -1 },
  ]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GroupCache, MAX_GROUP_BYTES, MAX_GROUP_PACKETS, type TimedPacket } from './source.ts';

function packet(
  timeMs: number,
  options: { keyframe?: boolean; kind?: TimedPacket['kind']; bytes?: number } = {},
): TimedPacket {
  const { keyframe = false, kind = 'video', bytes = 10 } = options;
  return { kind, timeMs, ptsMs: timeMs, keyframe, payload: new Uint8Array(bytes) };
}

const times = (cache: GroupCache): number[] => cache.packets.map(({ timeMs }) => timeMs);

test('keeps what came since the last key frame', () => {
  const cache = new GroupCache(true);
  cache.push(packet(0, { kind: 'audio' }));
  cache.push(packet(1));
  assert.deepEqual(times(cache), []);
  cache.push(packet(2, { keyframe: true }));
  cache.push(packet(3, { kind: 'audio' }));
  cache.push(packet(4));
  assert.deepEqual(times(cache), [2, 3, 4]);
  cache.dropSound();
  assert.deepEqual(times(cache), [2, 4]);
  cache.push(packet(5, { keyframe: true }));
  assert.deepEqual(times(cache), [5]);
  cache.reset();
  assert.deepEqual([times(cache), cache.keyframe], [[], null]);
});

test('a group longer than the limit cannot be replayed; its key frame can still stand in', () => {
  const cache = new GroupCache(true);
  cache.push(packet(0, { keyframe: true }));
  for (let index = 1; index < MAX_GROUP_PACKETS; index += 1) cache.push(packet(index));
  assert.equal(cache.packets.length, MAX_GROUP_PACKETS);
  cache.push(packet(MAX_GROUP_PACKETS));
  assert.equal(cache.packets.length, 0);
  assert.equal(cache.keyframe?.timeMs, 0);
});

test('a group larger than the limit cannot be replayed', () => {
  const cache = new GroupCache(true);
  cache.push(packet(0, { keyframe: true, bytes: MAX_GROUP_BYTES }));
  assert.equal(cache.packets.length, 1);
  cache.push(packet(1, { bytes: 1 }));
  assert.equal(cache.packets.length, 0);
});

test('of sound alone the last packets are kept', () => {
  const cache = new GroupCache(false);
  for (let index = 0; index < 100; index += 1) cache.push(packet(index, { kind: 'audio', bytes: 1_000_000 }));
  assert.deepEqual([times(cache).length, times(cache).at(-1)], [32, 99]);
});

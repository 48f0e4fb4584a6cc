import assert from 'node:assert/strict';
import { test } from 'node:test';
import { segmentResumer } from './browser/resume-segments.ts';

const SEGMENT = Uint8Array.from({ length: 100 }, (_, at) => at);

/** A request as Shaka makes one: the same object, its callback kept, for all attempts. */
function request() {
  const taken: number[] = [];
  const streamDataCallback = (data: Uint8Array): Promise<void> => {
    taken.push(...data);
    return Promise.resolve();
  };
  return { taken, streamDataCallback: streamDataCallback as ((data: Uint8Array) => Promise<unknown>) | null };
}

test('of each attempt only what no attempt before it brought is taken', async () => {
  const resume = segmentResumer();
  const asked = request();
  // Each begins at the first byte; how it is cut into chunks is chance.
  for (const chunks of [
    [
      [0, 30],
      [30, 45],
    ],
    [[0, 10]],
    [
      [0, 40],
      [40, 70],
    ],
    [
      [0, 70],
      [70, 71],
      [71, 100],
    ],
  ] as const) {
    resume(asked);
    for (const [from, to] of chunks) await asked.streamDataCallback?.(SEGMENT.subarray(from, to));
  }
  assert.deepEqual(asked.taken, [...SEGMENT]);
});

test('an answer that is given up and still brings something changes nothing', async () => {
  const resume = segmentResumer();
  const asked = request();
  resume(asked);
  const former = asked.streamDataCallback;
  await former?.(SEGMENT.subarray(0, 20));
  resume(asked);
  await asked.streamDataCallback?.(SEGMENT.subarray(0, 60));
  await former?.(SEGMENT.subarray(20, 50));
  await asked.streamDataCallback?.(SEGMENT.subarray(60));
  assert.deepEqual(asked.taken, [...SEGMENT]);
});

test('requests know nothing of each other, and one without a callback is left alone', async () => {
  const resume = segmentResumer();
  const [one, other] = [request(), request()];
  for (const asked of [one, other]) {
    resume(asked);
    await asked.streamDataCallback?.(SEGMENT);
  }
  assert.deepEqual(other.taken, one.taken);
  const plain = { streamDataCallback: null };
  resume(plain);
  assert.deepEqual(plain, { streamDataCallback: null });
});

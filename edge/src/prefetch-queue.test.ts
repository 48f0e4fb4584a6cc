import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PrefetchQueue, type PrefetchResult } from './prefetch-queue.ts';

interface Rig {
  readonly queue: PrefetchQueue;
  readonly ended: PrefetchResult[];
  /** keys whose fetch has begun, with how to end it */
  readonly begun: Map<string, (isFetched: boolean | Error) => void>;
  readonly offer: (...keys: readonly string[]) => void;
}

function rig(running: number, waiting: number): Rig {
  const ended: PrefetchResult[] = [];
  const begun: Rig['begun'] = new Map();
  const queue = new PrefetchQueue({ running, waiting, onEnded: (result) => ended.push(result) });
  const offer = (...keys: readonly string[]): void => {
    for (const key of keys) {
      queue.offer(key, () => {
        const { promise, resolve, reject } = Promise.withResolvers<boolean>();
        begun.set(key, (how) => (how instanceof Error ? reject(how) : resolve(how)));
        return promise;
      });
    }
  };
  return { queue, ended, begun, offer };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('so many at once, so many wait, and what comes beyond is dropped', async () => {
  const { queue, ended, begun, offer } = rig(2, 2);
  offer('a', 'b', 'c', 'd', 'e');
  assert.deepEqual([[...begun.keys()], ended], [['a', 'b'], ['dropped']]);
  begun.get('a')?.(true);
  await settled();
  assert.deepEqual(
    [[...begun.keys()], ended],
    [
      ['a', 'b', 'c'],
      ['dropped', 'fetched'],
    ],
  );
  assert.deepEqual([queue.running, queue.waiting], [2, 1]);
});

test('one of a name is enough, while it waits and while it is fetched; afterwards it may be fetched again', async () => {
  const { ended, begun, offer } = rig(1, 1);
  offer('a', 'a', 'b', 'b');
  assert.deepEqual([[...begun.keys()], ended], [['a'], []]);
  begun.get('a')?.(new Error('the origin is away'));
  await settled();
  begun.get('b')?.(false);
  await settled();
  assert.deepEqual(ended, ['failed', 'failed']);
  begun.clear();
  offer('a');
  assert.deepEqual([...begun.keys()], ['a']);
});

test('once it is stopped nothing begins', async () => {
  const { queue, ended, begun, offer } = rig(1, 1);
  offer('a', 'b');
  queue.stop();
  begun.get('a')?.(true);
  await settled();
  offer('c');
  assert.deepEqual([[...begun.keys()], ended, queue.running], [['a'], ['fetched'], 0]);
});

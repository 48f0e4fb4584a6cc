import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@headwater/service/clock';
import { BARE_TIMELINE } from './fake-media.ts';
import type { TimelineAnswer } from './origin-client.ts';
import { StreamView } from './stream-view.ts';

/** A view whose timeline was read, and was then answered for so. */
async function viewAfter(answer: TimelineAnswer): Promise<StreamView> {
  const answers: TimelineAnswer[] = [
    { kind: 'change', via: [], change: { full: true, timeline: BARE_TIMELINE } },
    answer,
  ];
  const asked = Promise.withResolvers<void>();
  const view = new StreamView({
    stream: 'show',
    client: {
      async timeline() {
        const next = answers.shift();
        if (next !== undefined) return next;
        asked.resolve();
        return new Promise<never>(() => undefined);
      },
      probe: () => new Promise<never>(() => undefined),
    },
    fetchPart: () => new Promise<never>(() => undefined),
    clock: new ManualClock(0),
    random: () => 0,
    onTrouble: () => undefined,
    onIdle: () => undefined,
  });
  await asked.promise;
  return view;
}

test('who is cut off is waited for, but not once more where another worker has waited for it', async () => {
  for (const standing of ['offline', 'absent', 'unreachable'] as const) {
    const gone = await viewAfter({ kind: 'gone', standing });
    assert.deepEqual([gone.timeline, gone.standing], [undefined, standing]);
    gone.stop();
  }
  const waited = await viewAfter({ kind: 'offline' });
  assert.deepEqual([waited.timeline?.revision, waited.standing], [1, 'on-air']);
  waited.stop();
});

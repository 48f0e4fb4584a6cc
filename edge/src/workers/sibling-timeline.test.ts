import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { systemClock } from '@headwater/service/clock';
import { BARE_TIMELINE } from '../fake-media.ts';
import { OriginClient } from '../origin-client.ts';
import { StreamView } from '../stream-view.ts';
import type { LiveSource } from '../upstream/live-sources.ts';
import { answerTimeline } from './sibling-timeline.ts';
import { TimelineRelay } from './timeline-relay.ts';

function viewBy({ timeline }: Pick<OriginClient, 'timeline'>): StreamView {
  return new StreamView({
    stream: 'show',
    client: { timeline, probe: () => new Promise<never>(() => undefined) },
    fetchPart: () => new Promise<never>(() => undefined),
    clock: systemClock,
    random: () => 0,
    onTrouble: () => undefined,
    onIdle: () => undefined,
  });
}

test('who waits for a stream that is not on air by another worker hears from it when it is', async () => {
  const isOnAir = Promise.withResolvers<void>();
  let asked = 0;
  const owners = viewBy({
    async timeline() {
      asked += 1;
      if (asked === 1) return { kind: 'offline' };
      await isOnAir.promise;
      return { kind: 'change', via: [], change: { full: true, timeline: BARE_TIMELINE } };
    },
  });
  const relay = new TimelineRelay();
  const statuses: number[] = [];
  const isWaiting = Promise.withResolvers<void>();
  await using server = createServer((request, response) => {
    const query = (request.url ?? '').split('?')[1] ?? '';
    void answerTimeline(owners, relay, { query, response, signal: new AbortController().signal });
    if (query !== 'standing=offline') return;
    response.once('finish', () => statuses.push(response.statusCode));
    isWaiting.resolve();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const owner: LiveSource = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    kind: 'origin',
    headers: {},
    tellsStanding: true,
    doubt: () => undefined,
    ask: async (signal, work) => (await work(signal)).value,
  };
  const sources = { of: () => [owner].values(), isOwn: () => false };
  const client = new OriginClient({ sources, random: () => 0, onRetry: () => undefined });
  const view = viewBy({ timeline: (...asked) => client.timeline(...asked) });
  await isWaiting.promise;
  assert.equal(view.standing, 'offline');
  isOnAir.resolve();
  await view.until(() => view.standing === 'on-air', { withinMs: 5_000 });
  assert.deepEqual(view.timeline, BARE_TIMELINE);
  assert.deepEqual(statuses, [200], 'told by the one question that waited');
  for (const each of [view, owners]) each.stop();
  await client.close();
  server.closeAllConnections();
});

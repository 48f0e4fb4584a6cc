import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@headwater/service/clock';
import { DOUBT_DEADLINE_MS, ParentProbes } from './parent-probes.ts';
import { type RawServer, type Respond, startRawServer } from './raw-server.ts';
import { BREAKER_LIMITS } from './target-health.ts';
import { type Target, Targets } from './targets.ts';

const READY = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
/** So long that no probe comes by itself. */
const NEVER_MS = 3_600_000;

interface Rig extends AsyncDisposable {
  readonly server: RawServer;
  readonly parent: Target;
  readonly probes: ParentProbes;
  readonly fallen: Target[];
}

/** A parent that is probed, and has answered the first time. */
async function startProbed(respond: Respond, intervalMs = NEVER_MS): Promise<Rig> {
  const cleanup = new AsyncDisposableStack();
  const server = cleanup.use(
    await startRawServer((socket, request, nth) => (nth === 1 ? socket.write(READY) : respond(socket, request, nth))),
  );
  const parents = [{ url: server.url, weight: 1 }];
  const targets = new Targets({
    parents,
    ownUrl: null,
    breaker: BREAKER_LIMITS,
    clock: systemClock,
    onBreaker: () => undefined,
  });
  const [parent = assert.fail()] = targets.parents;
  const fallen: Target[] = [];
  parent.health.setReady(false);
  const probes = cleanup.use(
    // What a doubt decides is not left to the deadline of the probe that it asks by.
    new ParentProbes({
      parents: targets.parents,
      onDown: (one) => fallen.push(one),
      intervalMs,
      deadlineMs: NEVER_MS,
    }),
  );
  await until(() => parent.health.isReady);
  return { server, parent, probes, fallen, [Symbol.asyncDispose]: () => cleanup.disposeAsync() };
}

test('one that is doubted and says nothing is gone, with a single question, until it answers again', async () => {
  let isHanging = true;
  await using rig = await startProbed((socket) => void (isHanging || socket.write(READY)), 3 * DOUBT_DEADLINE_MS);
  for (let nth = 0; nth < 10; nth += 1) rig.probes.doubt(rig.parent);
  await until(() => rig.fallen.length > 0);
  assert.equal(rig.parent.health.isAvailable, false);
  assert.equal(rig.server.requests.length, 2, 'however many doubt it, and one without an answer is enough');
  isHanging = false;
  await until(() => rig.parent.health.isAvailable);
  assert.equal(rig.fallen.length, 1);
});

test('one that is doubted and answers stays, and is asked anew the next time', async () => {
  await using rig = await startProbed((socket) => void socket.write(READY));
  for (let asked = 2; asked < 5; asked += 1) {
    rig.probes.doubt(rig.parent);
    await until(() => rig.server.requests.length === asked);
    await new Promise((resolve) => setTimeout(resolve, DOUBT_DEADLINE_MS + 50));
  }
  assert.deepEqual([rig.fallen, rig.parent.health.isAvailable], [[], true]);
});

test('one whose answer lies unread because this edge was busy is not gone', async () => {
  const answered = Promise.withResolvers<void>();
  await using rig = await startProbed((socket) => {
    socket.write(READY);
    const busyUntilMs = performance.now() + DOUBT_DEADLINE_MS + 100;
    while (performance.now() < busyUntilMs);
    answered.resolve();
  });
  rig.probes.doubt(rig.parent);
  await answered.promise;
  for (let turns = 0; turns < 10; turns += 1) await new Promise(setImmediate);
  assert.deepEqual([rig.fallen, rig.parent.health.isAvailable], [[], true]);
});

/** Looks again and again until it holds; the runner's own limit ends it. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(setImmediate);
}

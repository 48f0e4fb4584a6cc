import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@headwater/service/clock';
import { OriginProbes, PROBED_ORIGINS_LIMIT } from './origin-probes.ts';
import { startRawServer } from './raw-server.ts';
import { BREAKER_LIMITS } from './target-health.ts';
import { type Target, Targets } from './targets.ts';

/** An origin, before a clock that stands still unless it is moved; its breaker opens by what is asked of it. */
function originAt(url: string, probes: OriginProbes, clock = new ManualClock(0)): Target {
  const targets = new Targets({
    parents: [],
    ownUrl: null,
    breaker: BREAKER_LIMITS,
    clock,
    onBreaker: (target, state) => probes.note(target, state),
  });
  return targets.candidates('key', [url])[0] ?? assert.fail();
}

function fail({ health }: Target): void {
  for (let nth = 0; nth < BREAKER_LIMITS.failures; nth += 1) health.fail(false);
  assert.equal(health.state, 'open');
}

test('an origin that answers whatever it is asked may be tried at once, by one request', async () => {
  await using server = await startRawServer((socket) => {
    socket.write('HTTP/1.1 404 Not Found\r\ncontent-length: 10\r\n\r\n');
  });
  using probes = new OriginProbes({ intervalMs: 1 });
  const origin = originAt(server.url, probes);
  fail(origin);
  await until(() => origin.health.isAvailable);
  assert.match(server.requests.join(''), /^HEAD \/ HTTP\/1\.1\r\nhost: 127\.0\.0\.1:\d+\r\n/);
  assert.equal(probes.size, 0);
  assert.equal(origin.health.state, 'half-open');
  const isTrial = origin.health.begin();
  assert.ok(isTrial && !origin.health.isAvailable);
  origin.health.fail(isTrial);
  assert.equal(origin.health.state, 'open', 'it is the request that counts');
  await until(() => origin.health.isAvailable);
  assert.equal(server.requests.length, 2, 'asked anew');
  origin.health.succeed();
  assert.equal(origin.health.state, 'closed');
});

test('one that does not answer is left alone after a while, and tried when its time has come', async () => {
  const attempts = 3;
  await using server = await startRawServer((socket) => void socket.resetAndDestroy());
  using probes = new OriginProbes({ intervalMs: 1, attempts });
  const clock = new ManualClock(0);
  const origin = originAt(server.url, probes, clock);
  fail(origin);
  await until(() => probes.size === 0);
  assert.equal(server.requests.length, attempts);
  assert.equal(origin.health.isAvailable, false);
  clock.advance(BREAKER_LIMITS.openMs);
  assert.equal(origin.health.isAvailable, true);
});

test('so many are asked at a time and no more; one that answered a viewer is not asked any more', () => {
  using probes = new OriginProbes({ intervalMs: 3_600_000 });
  const origins = Array.from({ length: PROBED_ORIGINS_LIMIT + 1 }, (_, nth) =>
    originAt(`http://127.0.0.1:${nth + 1}`, probes),
  );
  for (const origin of origins) fail(origin);
  assert.equal(probes.size, PROBED_ORIGINS_LIMIT);
  origins[0]?.health.succeed();
  assert.equal(probes.size, PROBED_ORIGINS_LIMIT - 1);
});

/** Looks again and again until it holds; the runner's own limit ends it. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(setImmediate);
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@headwater/service/clock';
import { ENDED_KEPT_MS, LiveStreams, MAX_ENDED } from './streams.ts';

const limits = { windowSegments: 6, windowBytes: 1e6, waiters: 1 };
const make = () =>
  new LiveStreams((name) => ({
    name,
    limits,
    clock: new ManualClock(0),
    randomBytes: (count) => new Uint8Array(count),
  }));

test('an ended stream stays for a minute, unless it comes back', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  using streams = make();
  const [show, other] = [streams.open('show'), streams.open('other')];
  streams.end('show');
  streams.end('other');
  assert.equal(show.ended, true);
  assert.equal(streams.open('other'), other);
  context.mock.timers.tick(ENDED_KEPT_MS);
  assert.equal(streams.get('show'), undefined);
  assert.equal(streams.get('other'), other);
});

test('one ended stream more than the limit drops the one that ended first', () => {
  using streams = make();
  for (let index = 0; index <= MAX_ENDED; index += 1) {
    streams.open(`s${index}`);
    streams.end(`s${index}`);
  }
  assert.equal(streams.get('s0'), undefined);
  assert.ok(streams.get('s1'));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FeedState } from '@headwater/protocol/feed-state';
import { PASS_TTL_MS } from '@headwater/protocol/node-pass';
import { ManualClock } from '@headwater/service/clock';
import { Passes } from './passes.ts';

function keys(feed: FeedState, fill: number): void {
  const secret = Buffer.alloc(32, fill).toString('base64url');
  feed.apply({
    cursor: '1',
    snapshot: false,
    messages: [{ type: 'path-keys', keys: [{ kid: 'k', secret, state: 'current' }] }],
  });
}

test('one edge lets another in, by keys that both have, and no longer than they do', () => {
  const clock = new ManualClock(Date.UTC(2030, 0, 1));
  const feed = new FeedState();
  const child = new Passes('edge-1', feed, clock);
  const parent = new Passes('edge-2', feed, clock);
  assert.equal(child.mint('cmaf'), null);
  keys(feed, 1);
  const pass = child.mint('cmaf') ?? '';
  for (let nth = 0; nth < 2; nth += 1) {
    assert.equal(parent.check(pass, 'cmaf'), 'edge-1');
    assert.equal(parent.check(pass, 'zone'), null);
  }
  assert.equal(child.mint('cmaf'), pass);
  clock.advance(61_000);
  assert.notEqual(child.mint('cmaf'), pass, 'made anew in time');
  keys(feed, 2);
  assert.equal(parent.check(pass, 'cmaf'), null, 'remembered for no other key');
  assert.notEqual(parent.check(child.mint('cmaf') ?? '', 'cmaf'), null);
});

test('what was remembered ends, too', () => {
  const clock = new ManualClock(Date.UTC(2030, 0, 1));
  const feed = new FeedState();
  keys(feed, 1);
  const passes = new Passes('edge-1', feed, clock);
  const pass = passes.mint('zone') ?? '';
  for (let ms = 0; ms < PASS_TTL_MS; ms += 10_000) {
    assert.equal(passes.check(pass, 'zone'), 'edge-1');
    clock.advance(10_000);
  }
  clock.advance(70_000);
  assert.equal(passes.check(pass, 'zone'), null);
  assert.equal(passes.check(undefined, 'zone'), null);
  assert.equal(passes.check([pass, pass], 'zone'), null);
});

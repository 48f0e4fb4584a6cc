import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@headwater/service/clock';
import { PurgeLedger, formatPurgePoint, parsePurgePoint } from './purge-ledger.ts';

const START_MS = Date.UTC(2030, 0, 1);

function page(...ids: string[]) {
  const messages = ids.map((id) => ({ type: 'purge', purge: { id, url: '/a', soft: false, atMs: START_MS } }) as const);
  return { cursor: '1', snapshot: false, messages };
}

test('a purge is covered where it was carried out', async () => {
  const [child, parent] = [new PurgeLedger(new ManualClock(START_MS)), new PurgeLedger(new ManualClock(START_MS))];
  assert.equal(child.last, null);
  child.take(page('a', 'b'));
  const point = child.last ?? assert.fail();
  assert.deepEqual(point, { id: 'b', atMs: START_MS });
  parent.take(page('a'));
  assert.equal(parent.covers(point), false);
  const waiting = parent.until(point, { withinMs: 5_000 });
  parent.take(page('b', 'c'));
  assert.equal(await waiting, true);
  assert.equal(await new PurgeLedger(new ManualClock(0)).until(point, { withinMs: 1 }), false);
});

test('who heard from the control plane long after it was ordered has carried it out, whatever is remembered', () => {
  const clock = new ManualClock(START_MS);
  const parent = new PurgeLedger(clock);
  const point = { id: 'x', atMs: START_MS };
  clock.advance(29_999);
  parent.heard();
  assert.equal(parent.covers(point), false);
  clock.advance(1);
  parent.heard();
  assert.equal(parent.covers(point), true);
});

test('a page tells as much, if nothing can be behind it', () => {
  const clock = new ManualClock(START_MS + 30_000);
  const point = { id: 'x', atMs: START_MS };
  const [short, full] = [new PurgeLedger(clock), new PurgeLedger(clock)];
  short.take(page('a'));
  full.take(page(...Array.from({ length: 1_000 }, (_, nth) => `p${nth}`)));
  assert.deepEqual([short.covers(point), full.covers(point)], [true, false]);
});

test('a snapshot tells the last purge before it, and not that this is all that there is by now', () => {
  const known = { id: 'a', atMs: START_MS };
  const snapshot = { cursor: '1', snapshot: true, messages: [], lastPurge: known };
  const ledger = new PurgeLedger(new ManualClock(START_MS + 60_000));
  ledger.take(snapshot);
  assert.deepEqual(ledger.last, known);
  assert.deepEqual([ledger.covers(known), ledger.covers({ id: 'b', atMs: START_MS })], [true, false]);
  assert.deepEqual(new PurgeLedger(new ManualClock(START_MS), known).last, known);
});

test('the ledger is bounded', () => {
  const ledger = new PurgeLedger(new ManualClock(START_MS));
  ledger.take(page(...Array.from({ length: 10_001 }, (_, nth) => `p${nth}`)));
  assert.equal(ledger.covers({ id: 'p0', atMs: START_MS }), false);
  assert.equal(ledger.covers({ id: 'p1', atMs: START_MS }), true);
});

test('a point goes over the wire and back; other text is none', () => {
  const point = { id: 'p_1-x', atMs: 12 };
  assert.deepEqual(parsePurgePoint(formatPurgePoint(point)), point);
  for (const text of ['', 'a', 'a -1', 'a 1 ', 'a b 1', `${'a'.repeat(65)} 1`])
    assert.equal(parsePurgePoint(text), null);
});

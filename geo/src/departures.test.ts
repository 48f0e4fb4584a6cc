import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@headwater/service/clock';
import { Departures } from './departures.ts';

const NETWORKS = ['192.0.2.1', '198.51.100.1', '203.0.113.1', '2001:db8::1'];

function make(edges = 2) {
  const clock = new ManualClock(1_000_000);
  const told: string[] = [];
  const departures = new Departures({ clock, edgeCount: () => edges, onLeft: (id) => told.push(id) });
  const leave = (edge: string, networks: number): void => {
    for (const address of NETWORKS.slice(0, networks)) departures.left(edge, address);
  };
  return { clock, departures, told, leave };
}

test('three networks within a quarter of a minute count; one of them, however loud, does not', () => {
  const { clock, departures, told, leave } = make();
  for (let n = 0; n < 100; n += 1) departures.left('a', `192.0.2.${n}`);
  leave('a', 2);
  assert.equal(departures.isAvoided('a'), false);
  clock.advance(15_000);
  departures.left('a', '203.0.113.1');
  assert.equal(departures.isAvoided('a'), false, 'the first two are past');
  leave('a', 2);
  assert.equal(departures.isAvoided('a'), true);
  clock.advance(29_999);
  assert.equal(departures.isAvoided('a'), true);
  clock.advance(1);
  assert.equal(departures.isAvoided('a'), false);
  assert.deepEqual(told, ['a']);
});

test('a few who leave among many who stay have a trouble of their own', () => {
  const { departures, leave } = make();
  for (let n = 0; n < 20; n += 1) departures.stayed('a', `10.0.${n}.1`);
  leave('a', 4);
  assert.equal(departures.isAvoided('a'), false, '4 of 24');
  departures.left('a', '2001:db8:1::1');
  assert.equal(departures.isAvoided('a'), true, '5 of 25');
});

test('who stays in a network that somebody left does not make it unseen', () => {
  const { departures, leave } = make();
  leave('a', 2);
  departures.stayed('a', '192.0.2.9');
  departures.left('a', '203.0.113.1');
  assert.equal(departures.isAvoided('a'), true);
});

test('players cannot empty the fleet: a third at most is avoided, and one of few', () => {
  const { clock, departures, leave } = make(7);
  for (const edge of ['a', 'b', 'c']) leave(edge, 3);
  assert.deepEqual(
    ['a', 'b', 'c'].map((edge) => departures.isAvoided(edge)),
    [true, true, false],
  );
  clock.advance(30_000);
  leave('c', 3);
  assert.equal(departures.isAvoided('c'), true);
  const few = make(2);
  few.leave('a', 3);
  few.leave('b', 3);
  assert.deepEqual(
    ['a', 'b'].map((edge) => few.departures.isAvoided(edge)),
    [true, false],
  );
});

test('what is remembered is bounded', () => {
  const { departures } = make();
  departures.left('a', '192.0.2.1');
  departures.left('a', '198.51.100.1');
  for (let n = 0; n < 1_000; n += 1) departures.stayed('a', `10.${n >> 8}.${n & 255}.1`);
  for (const address of ['192.0.2.1', '198.51.100.1', '203.0.113.1']) departures.left('a', address);
  assert.equal(departures.isAvoided('a'), false, 'three of a thousand that are remembered');
});

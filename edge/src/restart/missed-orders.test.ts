import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FeedPage } from '@headwater/protocol/feed';
import { MISSED_LIMIT, MissedOrders } from './missed-orders.ts';

function purge(id: string): FeedPage {
  return { cursor: id, snapshot: false, messages: [{ type: 'purge', purge: { id, soft: false, atMs: 1, url: '/a' } }] };
}

test('orders are kept in turn, and what orders nothing is not', () => {
  const missed = new MissedOrders();
  missed.note(purge('1'));
  missed.note({ cursor: '2', snapshot: false, messages: [] });
  missed.note(purge('3'));
  assert.deepEqual(
    missed.pages.map(({ cursor }) => cursor),
    ['1', '3'],
  );
  missed.clear();
  assert.deepEqual(missed.pages, []);
});

test('one too many, or one that nobody can name, may have been of anything', () => {
  const missed = new MissedOrders();
  for (let order = 0; order < MISSED_LIMIT; order += 1) missed.note(purge(String(order)));
  assert.equal(missed.pages.length, MISSED_LIMIT);
  missed.note(purge('one too many'));
  assert.deepEqual(
    missed.pages.map(({ snapshot }) => snapshot),
    [true],
  );
  missed.clear();
  missed.noteAnything();
  assert.deepEqual(
    missed.pages.map(({ snapshot }) => snapshot),
    [true],
  );
});

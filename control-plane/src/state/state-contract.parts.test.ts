/** What the State must do, over every store. */

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { FeedMessage, Issuer } from '@headwater/protocol/feed';
import type { ZoneEntry } from '@headwater/protocol/zone';
import { publishKeyHash } from '../stream-entry.ts';
import { type StoredPathKey, State, type StreamRecord } from './state.ts';
import { STORES } from './test-stores.ts';

const LOG_LIMIT = 300;

const SHOW: StreamRecord = {
  name: 'show',
  policy: 'token',
  ladder: null,
  key: 'secret-key',
  origin: null,
  claimedAtMs: 1,
  lastEpochOrdinal: -1,
};
const SHOW_ENTRY = { name: 'show', policy: 'token', ladder: null, origin: null, keyHash: publishKeyHash('secret-key') };
const BACKEND: Issuer = { iss: 'backend', alg: 'HS256', secret: 'c2VjcmV0' };
const SITE: ZoneEntry = { name: 'site', hosts: ['*'], pathPrefix: '/', origins: ['http://o'], policy: 'public' };
const KEY: StoredPathKey = { kid: 'k1', secret: 'x', state: 'current' };
const LIMITS = { count: 3, keepMs: 1_000 };

function revocation(session: string, atMs: number): { session: string; atMs: number } {
  return { session, atMs };
}

for (const [name, makeStore] of STORES) {
  /** A state that is empty at first; `reopen` closes what is open and opens what is there. */
  async function makePlace(): Promise<AsyncDisposable & { reopen(): Promise<State> }> {
    const place = await makeStore(LOG_LIMIT);
    return {
      reopen: async () => new State(await place.reopen()),
      [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
    };
  }

  suite(`the state over the ${name} store`, () => {
    test('makes, reads and deletes streams, to the limit', async () => {
      await using place = await makePlace();
      const state = await place.reopen();
      assert.equal(await state.stream('show'), null);
      assert.equal(await state.createStream(SHOW, 2), 'created');
      assert.equal(await state.createStream(SHOW, 2), 'exists');
      assert.equal(await state.createStream({ ...SHOW, name: 'two' }, 2), 'created');
      assert.equal(await state.createStream({ ...SHOW, name: 'three' }, 2), 'full');
      assert.equal(await state.createStream(SHOW, 2), 'exists');
      assert.deepEqual(await state.stream('show'), SHOW);
      assert.deepEqual(
        (await state.streams()).map((stream) => stream.name),
        ['show', 'two'],
      );
      assert.equal(await state.deleteStream('show'), true);
      assert.equal(await state.deleteStream('show'), false);
      assert.equal(await state.createStream({ ...SHOW, name: 'three' }, 2), 'created');
    });

    test('moves a claim only from where it is', async () => {
      await using place = await makePlace();
      const state = await place.reopen();
      await state.createStream(SHOW, 2);
      assert.equal(await state.moveClaim('show', { from: 'o1', to: 'o2', atMs: 5 }), false);
      assert.equal(await state.moveClaim('show', { from: null, to: 'o1', atMs: 5 }), true);
      assert.equal(await state.moveClaim('show', { from: null, to: 'o2', atMs: 6 }), false);
      assert.deepEqual(await state.stream('show'), { ...SHOW, origin: 'o1', claimedAtMs: 5 });
      assert.equal(await state.moveClaim('show', { from: 'o1', to: null, atMs: 7 }), true);
      assert.equal(await state.moveClaim('nobody', { from: null, to: 'o1', atMs: 5 }), false);
    });

    test('keeps the highest ordinal, and tells nobody', async () => {
      await using place = await makePlace();
      const state = await place.reopen();
      await state.createStream(SHOW, 2);
      const { cursor } = await state.snapshot();
      for (const ordinal of [3, 5, 4]) await state.noteEpoch('show', ordinal);
      await state.noteEpoch('nobody', 9);
      assert.equal((await state.stream('show'))?.lastEpochOrdinal, 5);
      assert.deepEqual((await state.changesSince(cursor, 10))?.messages, []);
    });

    test('makes and deletes issuers, to the limit', async () => {
      await using place = await makePlace();
      const state = await place.reopen();
      assert.equal(await state.createIssuer(BACKEND, 1), 'created');
      assert.equal(await state.createIssuer(BACKEND, 1), 'exists');
      assert.equal(await state.createIssuer({ ...BACKEND, iss: 'other' }, 1), 'full');
      assert.deepEqual(await state.issuers(), [BACKEND]);
      assert.equal(await state.deleteIssuer('backend'), true);
      assert.equal(await state.deleteIssuer('backend'), false);
    });

    test('makes, replaces and deletes zones, to the limit, and tells of each', async () => {
      await using place = await makePlace();
      const state = await place.reopen();
      const { cursor } = await state.snapshot();
      const isMade = ({ policy }: ZoneEntry) => policy === 'public';
      assert.equal(await state.zone('site'), null);
      assert.equal(await state.createZone(SITE, 1), 'created');
      assert.equal(await state.createZone(SITE, 1), 'exists');
      assert.equal(await state.createZone({ ...SITE, name: 'other' }, 1), 'full');
      const closed: ZoneEntry = { ...SITE, policy: 'token' };
      assert.equal(await state.replaceZone(closed, isMade), true);
      assert.equal(await state.replaceZone(SITE, isMade), false);
      assert.equal(await state.replaceZone({ ...SITE, name: 'none' }, () => true), false);
      assert.deepEqual([await state.zone('site'), await state.zones()], [closed, [closed]]);
      const { messages } = await state.snapshot();
      assert.deepEqual(
        messages.filter(({ type }) => type === 'zone'),
        [{ type: 'zone', zone: closed }],
      );
      assert.equal(await state.deleteZone('site', isMade), false);
      assert.equal(await state.deleteZone('site'), true);
      assert.equal(await state.deleteZone('site'), false);
      assert.deepEqual((await state.changesSince(cursor, 10))?.messages, [
        { type: 'zone', zone: SITE },
        { type: 'zone', zone: closed },
        { type: 'zone-removed', name: 'site' },
      ]);
    });

    test('replaces path keys only if they are those expected', async () => {
      await using place = await makePlace();
      const state = await place.reopen();
      assert.deepEqual(await state.pathKeys(), []);
      assert.equal(await state.replacePathKeys([], [KEY]), true);
      assert.equal(await state.replacePathKeys([], [KEY]), false);
      const next: StoredPathKey = { kid: 'k2', secret: 'y', state: 'previous', promoteAtMs: 7 };
      assert.equal(await state.replacePathKeys(['k1'], [KEY, next]), true);
      assert.deepEqual(await state.pathKeys(), [KEY, next]);
      const told = (await state.snapshot()).messages[0];
      assert.deepEqual(told, { type: 'path-keys', keys: [KEY, { kid: 'k2', secret: 'y', state: 'previous' }] });
    });

    test('looks through all revocations for room only when one of them may go', async (context) => {
      await using place = await makePlace();
      const state = await place.reopen();
      const { mock } = context.mock.method(state.store, 'list');
      for (const atMs of [1_000, 1_001, 1_002]) await state.revoke(revocation(`s${atMs}`, atMs), LIMITS);
      for (const atMs of [1_500, 1_500, 2_000])
        assert.equal(await state.revoke(revocation('one-more', atMs), LIMITS), 'full');
      assert.equal(mock.callCount(), 1);
      assert.equal(await state.revoke(revocation('one-more', 2_001), LIMITS), 'created');
      assert.equal(mock.callCount(), 2);
    });

    test('keeps revocations to the limit, and lets go only of those that no token outlives', async () => {
      await using place = await makePlace();
      const state = await place.reopen();
      for (const atMs of [1_000, 1_001, 1_002]) {
        assert.equal(await state.revoke(revocation(`s${atMs}`, atMs), LIMITS), 'created');
      }
      assert.equal(await state.revoke(revocation('one-more', 2_000), LIMITS), 'full');
      assert.equal(await state.revoke(revocation('s1001', 2_000), LIMITS), 'created');
      assert.equal(await state.revoke({ stream: 'show', atMs: 2_001 }, LIMITS), 'created');
      const kept = (await state.snapshot()).messages.filter(({ type }) => type === 'revocation');
      assert.deepEqual(kept, [
        { type: 'revocation', session: 's1002', atMs: 1_002 },
        { type: 'revocation', session: 's1001', atMs: 2_000 },
        { type: 'revocation', stream: 'show', atMs: 2_001 },
      ]);
    });

    test('makes a secret once', async () => {
      await using place = await makePlace();
      const state = await place.reopen();
      assert.equal(await state.secret('a', () => 'first'), 'first');
      assert.equal(await state.secret('a', () => 'second'), 'first');
      const again = await place.reopen();
      assert.equal(await again.secret('a', () => 'third'), 'first');
    });

    test('the log tells each change once, in order, and a snapshot is the same folded', async () => {
      await using place = await makePlace();
      const state = await place.reopen();
      const { cursor, snapshot, messages } = await state.snapshot();
      assert.equal(snapshot, true);
      assert.deepEqual(messages, [{ type: 'path-keys', keys: [] }]);
      const { promise: growth, resolve } = Promise.withResolvers<void>();
      const stop = state.onGrowth(resolve);
      await state.createStream(SHOW, 9);
      await state.moveClaim('show', { from: null, to: 'o1', atMs: 5 });
      await state.moveClaim('show', { from: 'o1', to: 'o1', atMs: 6 });
      await state.createIssuer(BACKEND, 9);
      await state.revoke(revocation('s1', 7), LIMITS);
      await state.append([{ type: 'node-removed', id: 'edge-1' }]);
      await state.deleteIssuer('backend');
      await state.deleteStream('show');
      await growth;
      stop();
      await state.createStream(SHOW, 9);
      const expected: FeedMessage[] = [
        { type: 'stream', stream: SHOW_ENTRY as never },
        { type: 'stream', stream: { ...SHOW_ENTRY, origin: 'o1' } as never },
        { type: 'issuer', issuer: BACKEND },
        { type: 'revocation', session: 's1', atMs: 7 },
        { type: 'node-removed', id: 'edge-1' },
        { type: 'issuer-removed', iss: 'backend' },
        { type: 'stream-removed', name: 'show' },
        { type: 'stream', stream: SHOW_ENTRY as never },
      ];
      assert.deepEqual((await state.changesSince(cursor, 100))?.messages, expected);
      // In pages of three, nothing is missed and nothing comes twice.
      const paged: FeedMessage[] = [];
      for (let at = cursor; ;) {
        const page = await state.changesSince(at, 3);
        assert.ok(page !== null && page.messages.length <= 3);
        if (page.messages.length === 0) break;
        paged.push(...page.messages);
        at = page.cursor;
      }
      assert.deepEqual(paged, expected);
      assert.equal(JSON.stringify(await state.snapshot()).includes('secret-key'), false);
    });

    test('a cursor that is strange, ahead or too old is not followed', async () => {
      await using place = await makePlace();
      const state = await place.reopen();
      const { cursor: oldest } = await state.snapshot();
      for (const strange of [
        '',
        'x',
        `${oldest}0`,
        `${oldest}.1`,
        'other.0',
        oldest.replace(/\d+$/, '-1'),
        oldest.replace(/\d+$/, '1'),
        oldest.replace(/[^.]+$/, ''),
      ]) {
        assert.equal(await state.changesSince(strange, 10), null, strange);
      }
      const message: FeedMessage = { type: 'node-removed', id: 'x' };
      await state.append(Array.from({ length: LOG_LIMIT }, () => message));
      assert.equal((await state.changesSince(oldest, 1_000))?.messages.length, LOG_LIMIT);
      await state.append(Array.from({ length: 1_000 }, () => message));
      assert.equal(await state.changesSince(oldest, 1_000), null);
      const { cursor: head } = await state.snapshot();
      assert.deepEqual((await state.changesSince(head, 10))?.messages, []);
    });

    test('all of it is there after a restart, and cursors go on', async () => {
      await using place = await makePlace();
      const before = await place.reopen();
      const { cursor } = await before.snapshot();
      await before.createStream(SHOW, 9);
      await before.createIssuer(BACKEND, 9);
      await before.replacePathKeys([], [KEY]);
      await before.revoke(revocation('s1', 7), LIMITS);
      const whole = await before.snapshot();
      const after = await place.reopen();
      assert.deepEqual(await after.snapshot(), whole);
      assert.equal((await after.changesSince(cursor, 10))?.messages.length, 4);
      await after.deleteStream('show');
      assert.deepEqual((await after.changesSince(whole.cursor, 10))?.messages, [
        { type: 'stream-removed', name: 'show' },
      ]);
    });
  });
}

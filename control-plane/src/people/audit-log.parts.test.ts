/** The audit log over every store. */

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Deposed, FencedStore } from '../state/fenced-store.ts';
import { STORES } from '../state/test-stores.ts';
import { type Store, StoreUnavailable } from '../state/store.ts';
import { type AuditEntry, type AuditEvent, linked } from './audit-chain.ts';
import { AuditLog } from './audit-log.ts';
import { START_MS, openTestPeople } from './test-people.ts';

const LOG_LIMIT = 50;

function deed(target: string, atMs = START_MS): AuditEvent {
  const who = { kind: 'person', name: 'anna', role: 'admin', via: 's1' } as const;
  const rest = { outcome: 'done', address: '203.0.113.7', requestId: 'r1', alert: null, facts: { b: 1, a: null } };
  return { atMs, who, action: 'DELETE /v1/streams/{stream}', target, ...rest };
}

async function appendMany(log: AuditLog, count: number, from = 0): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, n) => log.append(deed(`t${from + n}`, START_MS + from + n))));
}

/** Changes an entry in the store, as somebody with a hand on the database does. */
async function tamper(store: Store, seq: number, change: (entry: AuditEntry) => AuditEntry | undefined): Promise<void> {
  const id = String(seq).padStart(15, '0');
  const there = await store.get('audit', id);
  if (there === null) throw new Error(`no entry ${seq}`);
  const body = change(there.body as AuditEntry);
  await store.commit({ changes: [{ collection: 'audit', id, expect: there.revision, body }] });
}

/** The store, but something happens just before the first list is read. */
function interrupted(store: Store, happen: () => Promise<unknown>): Store {
  let isFirst = true;
  return new Proxy(store, {
    get(target, property: keyof Store) {
      const value: unknown = target[property];
      if (typeof value !== 'function') return value;
      if (property !== 'list') return value.bind(target) as unknown;
      return async (...asked: Parameters<Store['list']>) => {
        if (isFirst) await happen();
        isFirst = false;
        return target.list(...asked);
      };
    },
  });
}

/** Another deed in an entry's place, with a hash of its own. */
function forged({ seq, previous, ...event }: AuditEntry): AuditEntry {
  const who = { ...event.who, name: 'bert' };
  return linked({ ...event, who }, { seq: seq - 1, hash: previous });
}

for (const [name, makePlace] of STORES) {
  suite(`the audit log in the ${name} store`, () => {
    test('keeps entries in order, each with the hash of the one before, over a restart', async () => {
      await using place = await makePlace(LOG_LIMIT);
      {
        await using rig = await openTestPeople(await place.reopen());
        await appendMany(rig.people.audit, 150);
        assert.deepEqual(
          rig.audited.map(({ seq, target }) => [seq, target]),
          Array.from({ length: 150 }, (_, n) => [n + 1, `t${n}`]),
        );
      }
      await using rig = await openTestPeople(await place.reopen());
      const { audit } = rig.people;
      assert.equal(await audit.append(deed('last')), true);
      assert.equal(rig.audited[0]?.seq, 151);
      const verdict = await audit.verify();
      assert.deepEqual([verdict.entries, verdict.brokenAt, verdict.head.seq], [151, null, 151]);
    });

    test('is read from its end, in pages, and beyond its ends there is nothing', async () => {
      await using place = await makePlace(LOG_LIMIT);
      await using rig = await openTestPeople(await place.reopen());
      const { audit } = rig.people;
      assert.deepEqual(await audit.page(Infinity, 10), []);
      await appendMany(audit, 25);
      const seqs = async (before: number, limit: number) => (await audit.page(before, limit)).map(({ seq }) => seq);
      const down = (from: number, to: number): number[] => Array.from({ length: from - to + 1 }, (_, n) => from - n);
      assert.deepEqual(await seqs(Infinity, 10), down(25, 16));
      assert.deepEqual(await seqs(16, 10), down(15, 6));
      assert.deepEqual(await seqs(6, 10), down(5, 1));
      for (const before of [1, 0, -5, Number.NaN]) assert.deepEqual(await seqs(before, 10), []);
      assert.deepEqual((await audit.page(Infinity, 1))[0], rig.audited.at(-1));
    });

    test('shows any change by a hand on the database', async () => {
      const hands: [string, number | null, (store: Store) => Promise<unknown>][] = [
        ['nothing', null, async () => undefined],
        ['who', 7, (store) => tamper(store, 7, (entry) => ({ ...entry, who: { ...entry.who, name: 'bert' } }))],
        ['a fact', 7, (store) => tamper(store, 7, (entry) => ({ ...entry, facts: { b: 2, a: null } }))],
        ['the time', 1, (store) => tamper(store, 1, (entry) => ({ ...entry, atMs: 0 }))],
        ['who, with a hash that fits', 8, (store) => tamper(store, 7, (entry) => forged(entry))],
        ['one taken out', 9, (store) => tamper(store, 9, () => undefined)],
        ['the last taken out', 20, (store) => tamper(store, 20, () => undefined)],
      ];
      for (const [what, brokenAt, hand] of hands) {
        await using place = await makePlace(LOG_LIMIT);
        const store = await place.reopen();
        await using rig = await openTestPeople(store);
        await appendMany(rig.people.audit, 20);
        await hand(store);
        assert.equal((await rig.people.audit.verify()).brokenAt, brokenAt, what);
      }
    });

    test('is whole though it is trimmed while it is looked at, and what is missing shows though more comes', async () => {
      await using place = await makePlace(LOG_LIMIT);
      const store = await place.reopen();
      await using rig = await openTestPeople(store, { retention: { entries: 10, keepMs: Infinity } });
      const { audit } = rig.people;
      const look = async (happen: () => Promise<unknown>) => {
        const rest = { clock: rig.clock, onKept: () => undefined, onTrouble: () => undefined };
        const retention = { entries: 10, keepMs: Infinity };
        return new AuditLog({ store: interrupted(store, happen), retention, ...rest }).verify();
      };
      await appendMany(audit, 20);
      const trimmed = await look(() => audit.trim());
      assert.deepEqual([trimmed.brokenAt, trimmed.from.seq, trimmed.entries], [null, 11, 10]);
      await tamper(store, 21, () => undefined);
      assert.equal((await look(() => appendMany(audit, 1, 30))).brokenAt, 21);
    });

    test('replicas that append at once make one chain', async () => {
      await using place = await makePlace(LOG_LIMIT);
      const store = await place.reopen();
      await using one = await openTestPeople(store);
      await using two = await openTestPeople(store);
      await Promise.all(
        Array.from({ length: 20 }, async (_, n) => {
          await appendMany(one.people.audit, 3, n * 10);
          await appendMany(two.people.audit, 3, n * 10 + 5);
        }),
      );
      const verdict = await one.people.audit.verify();
      assert.deepEqual([verdict.entries, verdict.brokenAt], [120, null]);
      assert.equal(one.audited.length + two.audited.length, 120);
      assert.equal(new Set([...one.audited, ...two.audited].map(({ seq }) => seq)).size, 120);
    });

    test('is trimmed by number and by age, says so, and is whole from its anchor on', async () => {
      await using place = await makePlace(LOG_LIMIT);
      await using rig = await openTestPeople(await place.reopen(), { retention: { entries: 30, keepMs: 1_000 } });
      const { audit } = rig.people;
      await appendMany(audit, 30);
      assert.equal(await audit.trim(), 0);
      await appendMany(audit, 5, 30);
      const deposed = new FencedStore(rig.people.store, () => ({ isLeader: false, fence: null }));
      await assert.rejects(audit.trim(deposed), Deposed);
      assert.equal(await audit.trim(), 6);
      assert.equal(await audit.trim(), 0, 'its own entry has room');
      const told = rig.audited.at(-1);
      const anchor = rig.audited.find(({ seq }) => seq === 6)?.hash;
      assert.deepEqual([told?.action, told?.target, told?.facts], ['audit.trim', '1-6', { anchor }]);
      assert.deepEqual(
        (await audit.page(8, 10)).map(({ seq }) => seq),
        [7],
      );
      rig.clock.advance(1_020);
      assert.equal(await audit.trim(), 14, 'those older than a second');
      const verdict = await audit.verify();
      assert.deepEqual([verdict.brokenAt, verdict.from.seq, verdict.head.seq], [null, 20, 37]);
      await appendMany(audit, 3, 40);
      assert.equal((await audit.verify()).brokenAt, null);
    });
  });
}

test('what comes while the store is away is kept once it is there again, in order', async () => {
  const [, makePlace] = STORES[0] as (typeof STORES)[number];
  await using place = await makePlace(LOG_LIMIT);
  const store = await place.reopen();
  await using rig = await openTestPeople(store);
  let isAway = true;
  const flaky = new Proxy(store, {
    get(target, property: keyof Store) {
      if (property === 'get' && isAway) return () => Promise.reject(new StoreUnavailable('away'));
      const value: unknown = target[property];
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  const kept: AuditEntry[] = [];
  const options = { retention: { entries: 9, keepMs: Infinity }, onTrouble: () => undefined };
  const audit = new AuditLog({ ...options, store: flaky, clock: rig.clock, onKept: (entry) => kept.push(entry) });
  assert.equal(await audit.append(deed('first')), false);
  assert.equal(await audit.append(deed('second')), false);
  assert.deepEqual([audit.waiting, audit.isFull], [2, false]);
  isAway = false;
  await audit.flush();
  assert.deepEqual([audit.waiting, kept.map(({ target }) => target).join()], [0, 'first,second']);
  isAway = true;
  for (let n = 0; n < 10_000; n += 1) void audit.append(deed(`n${n}`));
  assert.equal(audit.isFull, true);
});

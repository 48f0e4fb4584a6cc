import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { FeedMessage, StreamEntry } from '@headwater/protocol/feed';
import { FeedState } from '@headwater/protocol/feed-state';
import type { ControlAnswer } from '@headwater/service/control-client';
import { authorise, mayGoOn } from './authorise.ts';
import type { Authorisation } from './publish.ts';

const keyHash = createHash('sha256').update('right').digest('base64url');
const entry: StreamEntry = { name: 'show', policy: 'token', keyHash, origin: null, ladder: null };
const answers = (status: number, body: unknown = null): ControlAnswer => ({ kind: 'answer', status, body });
const unreachable: ControlAnswer = { kind: 'unreachable', reason: 'nobody there' };
const ladder = { rungs: [{ height: 360, bitsPerSecond: 500_000 }], audioBitsPerSecond: 96_000 };

const cases: {
  name: string;
  answer: ControlAnswer;
  key?: string;
  stream?: string;
  known?: StreamEntry[];
  expected: Authorisation;
}[] = [
  {
    name: 'granted',
    answer: answers(200, { stream: 'show', ladder, lastEpochOrdinal: 7 }),
    expected: { ok: true, ladder, lastOrdinal: 7 },
  },
  {
    name: 'granted for the first time',
    answer: answers(200, { stream: 'show', ladder: null, lastEpochOrdinal: null }),
    expected: { ok: true, ladder: null, lastOrdinal: -1 },
  },
  { name: 'denied', answer: answers(403), expected: { ok: false, code: 'publish_denied' } },
  { name: 'unknown', answer: answers(404), expected: { ok: false, code: 'publish_denied' } },
  { name: 'claimed by another origin', answer: answers(409), expected: { ok: false, code: 'stream_claimed' } },
  {
    name: 'unreachable, the right key',
    answer: unreachable,
    known: [entry],
    expected: { ok: true, ladder: null, lastOrdinal: -1 },
  },
  {
    name: 'unreachable, a wrong key',
    answer: unreachable,
    key: 'wrong',
    known: [entry],
    expected: { ok: false, code: 'publish_denied' },
  },
  {
    name: 'unreachable, another stream',
    answer: unreachable,
    stream: 'other',
    known: [entry],
    expected: { ok: false, code: 'publish_denied' },
  },
  { name: 'unreachable, nothing known', answer: unreachable, expected: { ok: false, code: 'not_ready' } },
  {
    name: 'failing, the right key',
    answer: answers(500),
    known: [entry],
    expected: { ok: true, ladder: null, lastOrdinal: -1 },
  },
  ...[null, {}, 'up'].map((body) => ({
    name: `a stranger's ${JSON.stringify(body)}, a wrong key`,
    answer: answers(200, body),
    key: 'wrong',
    known: [entry],
    expected: { ok: false, code: 'publish_denied' } as const,
  })),
  {
    name: 'a name that is none',
    answer: answers(200, {}),
    stream: '../x',
    expected: { ok: false, code: 'publish_denied' },
  },
];

for (const { name, answer, key = 'right', stream = 'show', known = [], expected } of cases) {
  test(`a publish is decided: ${name}`, async () => {
    const streams = new Map(known.map((one) => [one.name, one]));
    const decision = await authorise(
      { stream, key, remoteAddress: '127.0.0.1' },
      { link: { ask: async () => answer }, nodeId: 'origin-1', streams: () => streams },
    );
    assert.deepEqual(decision, expected);
  });
}

test('a publish goes on until the feed tells that its stream was deleted, or has another key', () => {
  const state = new FeedState();
  const goesOn = (messages: FeedMessage[], { key = 'right', snapshot = false } = {}): boolean => {
    const page = { cursor: '1', snapshot, messages };
    state.apply(page);
    return mayGoOn({ stream: 'show', key }, page, state.streams);
  };
  const told: FeedMessage = { type: 'stream', stream: entry };
  const other: FeedMessage = { type: 'stream', stream: { ...entry, name: 'other' } };
  const anew: FeedMessage = { type: 'stream', stream: { ...entry, keyHash: 'another' } };
  const removed: FeedMessage = { type: 'stream-removed', name: 'show' };
  assert.equal(goesOn([other]), true, 'it was made a moment ago');
  assert.equal(goesOn([told]), true);
  assert.equal(goesOn([{ ...told, stream: { ...entry, origin: 'o' } }]), true, 'it was claimed');
  assert.equal(goesOn([removed, anew]), false);
  assert.equal(goesOn([removed, told]), true, 'it came with the new key before the page did');
  assert.equal(goesOn([removed]), false);
  assert.equal(goesOn([other], { snapshot: true }), false);
  assert.equal(goesOn([told], { snapshot: true }), true);
});

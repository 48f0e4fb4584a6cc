/** Masses of requests for a few bytes of what is large and not here: what they cost the origin. */

import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { beforeEach, test } from 'node:test';
import { seeded } from '@headwater/protocol/test-random';
import { type Answer, ask } from '../edge-rig.ts';
import { SLICE_BYTES } from '../tiers/tier-entry.ts';
import { SLICES_AT_ONCE } from './widening.ts';
import { type ZoneRig, startZoneRig } from './zone-rig.ts';

const LENGTH = 1024 * SLICE_BYTES;
const REQUESTS = 500;
/** A prime: no two slices are alike. */
const PATTERN = Buffer.from(Array.from({ length: 251 }, (_, at) => at));
const ENOUGH = Buffer.alloc(2 * SLICE_BYTES, PATTERN);

let sentBytes: number;
let ranges: string[];

beforeEach(() => {
  sentBytes = 0;
  ranges = [];
});

/** An object of a gigabyte, by ranges alone. */
function large({ headers: { range = '' } }: IncomingMessage, response: ServerResponse): void {
  const [, first = '0', last = ''] = /^bytes=(\d+)-(\d*)$/.exec(range) ?? [];
  const from = Number(first);
  const end = Math.min(last === '' ? LENGTH : Number(last) + 1, LENGTH);
  assert.ok(end - from <= SLICE_BYTES, `it was asked for ${range}`);
  const body = ENOUGH.subarray(from % PATTERN.length, (from % PATTERN.length) + end - from);
  ranges.push(range);
  sentBytes += body.length;
  response.writeHead(206, {
    'cache-control': 'max-age=3600',
    etag: '"1"',
    'content-range': `bytes ${from}-${end - 1}/${LENGTH}`,
    'content-length': body.length,
  });
  response.end(body);
}

function askFor(rig: ZoneRig, range: string, path = '/film'): Promise<Answer> {
  return ask(rig.edge, path, { headers: { range } });
}

async function flood(rig: ZoneRig, pathOf: (at: number) => string): Promise<void> {
  const random = seeded(7);
  for (let at = 0; at < REQUESTS; at += 1) {
    const byte = Math.floor(random() * LENGTH);
    const { status, body } = await askFor(rig, `bytes=${byte}-${byte}`, pathOf(at));
    assert.equal(status, 206);
    assert.deepEqual([...body], [byte % PATTERN.length], `byte ${byte}`);
  }
}

const LIMIT_BYTES = SLICES_AT_ONCE * SLICE_BYTES + REQUESTS;

test('single bytes of one object cost so many slices, and then single bytes', async (context) => {
  await using rig = await startZoneRig(large);
  await flood(rig, () => '/film');
  context.diagnostic(`${sentBytes} bytes for ${REQUESTS}`);
  assert.ok(sentBytes <= LIMIT_BYTES, `${sentBytes} bytes for ${REQUESTS}`);
});

test('so do single bytes of an object each', async () => {
  await using rig = await startZoneRig(large);
  await flood(rig, (at) => `/film?${at}`);
  assert.ok(sentBytes <= LIMIT_BYTES, `${sentBytes} bytes for ${REQUESTS}`);
});

test('who wants more than a little has the slice fetched all the same, and after a while so has everybody', async () => {
  await using rig = await startZoneRig(large);
  await flood(rig, () => '/film');
  const [at, later] = [500 * SLICE_BYTES, 501 * SLICE_BYTES];
  ranges = [];
  await askFor(rig, `bytes=${at + 10}-${at + SLICE_BYTES / 16 + 9}`, '/other');
  assert.deepEqual(ranges, [`bytes=${at}-${later - 1}`]);
  assert.match(String((await askFor(rig, `bytes=${at + 1}-${at + 1}`, '/other')).headers['cache-status']), /hit/);
  rig.clock.nowAtMs += 1_000;
  ranges = [];
  await askFor(rig, `bytes=${later + 1}-${later + 1}`, '/other');
  assert.deepEqual(ranges, [`bytes=${later}-${later + SLICE_BYTES - 1}`]);
});

test('several ranges of an unknown object have just their slices fetched', async () => {
  await using rig = await startZoneRig(large);
  const { status, text } = await askFor(rig, `bytes=${900 * SLICE_BYTES}-${900 * SLICE_BYTES},5-6`);
  assert.equal(status, 206);
  assert.equal((text.match(/Content-Range/g) ?? []).length, 2);
  assert.deepEqual(ranges, [`bytes=0-${SLICE_BYTES - 1}`, `bytes=${900 * SLICE_BYTES}-${901 * SLICE_BYTES - 1}`]);
});

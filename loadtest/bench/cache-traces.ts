/** What caches are asked for: seeded traces of names with sizes. */

import { seeded } from '@headwater/protocol/test-random';
import zipfian from 'zipfian-integer';

export interface CacheRequest {
  readonly name: number;
  readonly bytes: number;
}

/** One trace; `length` requests. */
export type CacheTrace = (length: number) => Iterable<CacheRequest>;

const MIB = 1024 * 1024;
const LIBRARY = 200_000;
/** Names of the three kinds of objects must not meet. */
const SCANNED = 1e6;
const LIVE = 1e8;
/** A live segment is new every so many requests, and wanted most then. */
const LIVE_EVERY = 150;
const LIVE_RUNGS = 4;
const ZIPF = 0.9;
const YCSB_ZIPF = 0.99;
const LONGEST_SCAN = 100;

/** Half slices of a megabyte, the rest images and texts. */
function sizeOf(name: number): number {
  const mixed = Math.imul(name + 1, 2_654_435_761) >>> 0;
  const kind = (mixed >>> 8) % 100;
  if (kind < 50) return MIB;
  return kind < 80 ? 20_480 + (mixed % 81_920) : 1_024 + (mixed % 8_192);
}

function requestFor(name: number): CacheRequest {
  return { name, bytes: sizeOf(name) };
}

/** Ours: a library by Zipf's law, somebody who downloads everything once, and a live stream. */
export function* zipfScanLive(length: number): Iterable<CacheRequest> {
  const random = seeded(1);
  const pick = zipfByTable(random);
  let scanned = SCANNED;
  for (let index = 0; index < length; index += 1) {
    const kind = random();
    if (kind < 0.6) yield requestFor(pick());
    else if (kind < 0.85) yield { name: (scanned += 1), bytes: MIB };
    else {
      const segment = Math.floor(index / LIVE_EVERY);
      yield { name: LIVE + segment * LIVE_RUNGS + Math.floor(random() * LIVE_RUNGS), bytes: MIB };
    }
  }
}

function zipfByTable(random: () => number): () => number {
  const sums = new Float64Array(LIBRARY);
  let total = 0;
  for (let rank = 0; rank < LIBRARY; rank += 1) sums[rank] = total += 1 / (rank + 1) ** ZIPF;
  return () => {
    const wanted = random() * total;
    let low = 0;
    let high = LIBRARY - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** YCSB's core workload B: reads by Zipf's law. The sampler of this and the next two is a published one. */
export function* ycsbReads(length: number): Iterable<CacheRequest> {
  const pick = zipfian(0, LIBRARY - 1, YCSB_ZIPF, seeded(2));
  for (let index = 0; index < length; index += 1) yield requestFor(scrambled(pick()));
}

/** YCSB's core workload D: what is new is read most. */
export function* ycsbLatest(length: number): Iterable<CacheRequest> {
  const random = seeded(3);
  const pick = zipfian(0, LIBRARY - 1, YCSB_ZIPF, random);
  let newest = LIBRARY;
  for (let index = 0; index < length; index += 1) {
    if (random() < 0.05) newest += 1;
    yield requestFor(newest - 1 - pick());
  }
}

/** YCSB's core workload E, with as many single reads: short scans from places by Zipf's law. */
export function* ycsbScans(length: number): Iterable<CacheRequest> {
  const random = seeded(4);
  const pick = zipfian(0, LIBRARY - 1, YCSB_ZIPF, random);
  for (let index = 0; index < length;) {
    const start = scrambled(pick());
    const steps = random() < 0.5 ? 1 : Math.ceil(random() * LONGEST_SCAN);
    for (let step = 0; step < steps && index < length; step += 1, index += 1) {
      yield requestFor((start + step) % LIBRARY);
    }
  }
}

/** Popular names lie apart. */
function scrambled(rank: number): number {
  return (Math.imul(rank + 1, 2_654_435_761) >>> 0) % LIBRARY;
}

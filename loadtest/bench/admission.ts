/** What an admission filter in front of RAM is worth: hit ratios of four policies on four traces. */

import { noAdmission, ramTier, s3Fifo, tinyLfu, type CachePolicy } from './cache-policies.ts';
import { type CacheTrace, ycsbLatest, ycsbReads, ycsbScans, zipfScanLive } from './cache-traces.ts';
import type { Figure, FigureResult, Measured } from './figure.ts';

const MIB = 1024 * 1024;
const SIZES_MIB = [64, 256, 1_024];
const REQUESTS = 300_000;
/** The cache fills; what is counted comes after. */
const WARM_UP = 100_000;
const RECORD_BYTES = 1_024;
/** A scan must cost the popular at least this less than it does without a filter. */
const SCAN_GAIN_POINTS = 2;

const TRACES: readonly (readonly [name: string, trace: CacheTrace])[] = [
  ['Zipf, a scan, a live stream', zipfScanLive],
  ['YCSB B, reads by Zipf', ycsbReads],
  ['YCSB D, the latest', ycsbLatest],
  ['YCSB E, scans', ycsbScans],
];
const POLICIES: readonly (readonly [name: string, make: (limitBytes: number) => CachePolicy])[] = [
  ['none (LRU)', noAdmission],
  ['TinyLFU, no window', tinyLfu],
  ['S3-FIFO', s3Fifo],
  ['the edge: W-TinyLFU', ramTier],
];

export const admission: Figure = {
  name: 'admission',
  description: `Hits of the edge's RAM tier, and of others on the same traces: ${REQUESTS} seeded requests over 200,000 objects of which half weigh 1 MiB, counted after ${WARM_UP}. The YCSB traces are drawn by npm's zipfian-integer.`,
  run: () => Promise.resolve(measure()),
};

interface Ratios {
  /** in percent */
  readonly requests: number;
  readonly bytes: number;
}

function measure(): FigureResult {
  const lines: Measured[] = [];
  for (const [traceName, trace] of TRACES) {
    for (const sizeMib of SIZES_MIB) {
      const results = POLICIES.map(([name, make]) => ({ name, ...replay(make(sizeMib * MIB), trace) }));
      const ours = results.at(-1);
      const none = results[0];
      if (ours === undefined || none === undefined) continue;
      const gain = trace === zipfScanLive ? SCAN_GAIN_POINTS : 0;
      lines.push({
        what: `${traceName}, ${sizeMib} MiB`,
        value: ours.requests,
        unit: '% of requests',
        bound: { least: Math.round((none.requests + gain) * 10) / 10 },
        note: `requests / bytes: ${results.map(({ name, ...of }) => `${name} ${percent(of)}`).join(', ')}`,
      });
    }
  }
  return { lines };
}

function percent({ requests, bytes }: Ratios): string {
  return `${requests.toFixed(1)} / ${bytes.toFixed(1)}`;
}

function replay(policy: CachePolicy, trace: CacheTrace): Ratios {
  const counted = { requests: 0, hits: 0, bytes: 0, hitBytes: 0 };
  let index = 0;
  for (const { name, bytes } of trace(REQUESTS)) {
    const isHit = policy.has(name);
    if (!isHit) policy.put(name, bytes + RECORD_BYTES);
    index += 1;
    if (index <= WARM_UP) continue;
    counted.requests += 1;
    counted.bytes += bytes;
    if (!isHit) continue;
    counted.hits += 1;
    counted.hitBytes += bytes;
  }
  return { requests: (counted.hits / counted.requests) * 100, bytes: (counted.hitBytes / counted.bytes) * 100 };
}

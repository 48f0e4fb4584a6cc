/** Many records of one volume, read in few pieces. */

import type { NameHash } from './index-block.ts';
import type { Location } from './location-index.ts';
import { hashOf } from './name-hash.ts';
import { decodeRecord, type DiskRecord } from './record.ts';
import type { Volume } from './volume.ts';

export type Placed = NameHash & Location;

/** One reading; a single record may be longer. */
const RUN_BYTES = 256 * 1024;
/** Up to here it is cheaper to read what lies between than to read twice. */
const GAP_BYTES = 32 * 1024;

/**
 * Reads records in the order in which they lie, a run at a time. What is not what it should be is left out.
 * @throws what the file layer throws
 */
export async function* readRuns(
  volume: Volume,
  wanted: readonly Placed[],
): AsyncGenerator<readonly (readonly [Placed, DiskRecord])[]> {
  const sorted = wanted.toSorted((a, b) => a.offset - b.offset);
  let from = 0;
  while (from < sorted.length) {
    const run = sorted.slice(from, endOfRun(sorted, from));
    from += run.length;
    const start = run[0]?.offset ?? 0;
    const last = run.at(-1);
    const bytes = await volume.read({ offset: start, length: (last?.offset ?? 0) + (last?.length ?? 0) - start });
    if (bytes === undefined) continue;
    yield run.flatMap((placed): [Placed, DiskRecord][] => {
      const at = placed.offset - start;
      const record = decodeRecord(bytes.subarray(at, at + placed.length), null);
      return record !== undefined && isNamed(record, placed) ? [[placed, record]] : [];
    });
  }
}

function endOfRun(sorted: readonly Placed[], from: number): number {
  const start = sorted[from]?.offset ?? 0;
  let end = from;
  let at = start;
  for (; end < sorted.length; end += 1) {
    const next = sorted[end];
    if (next === undefined) break;
    const isFar = next.offset - at > GAP_BYTES || next.offset + next.length - start > RUN_BYTES;
    if (end > from && isFar) break;
    at = next.offset + next.length;
  }
  return end;
}

function isNamed({ name }: DiskRecord, { high, low }: NameHash): boolean {
  const hash = hashOf(name);
  return hash.high === high && hash.low === low;
}

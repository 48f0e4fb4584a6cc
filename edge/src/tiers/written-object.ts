/** Objects that tell their number: for tests that store in one process and look in another. */

import type { TierEntry } from './tier-entry.ts';
import type { Tiers } from './tiers.ts';

export interface WrittenEntry extends TierEntry {
  /** up to where it was judged */
  seq: number;
}

export function sliceOf(index: number): string {
  return `variant-${index}`;
}

/** Of some hundred bytes to some thousand, some of a slice. */
export function contentOf(index: number): Buffer {
  const length = index % 500 === 0 ? 1024 * 1024 : 200 + ((index * 7919) % 4_000);
  return Buffer.alloc(length, `object ${index};`);
}

/** Every tenth has the tag `tenth`. */
export function entryOf(index: number, seq: number): WrittenEntry {
  const head = { fields: ['Content-Type', 'text/plain', 'ETag', `"${index}"`] };
  const tags = index % 10 === 0 ? ['tenth'] : [];
  return {
    key: `key-${index}`,
    seq,
    variants: [{ id: sliceOf(index), head, lengthBytes: contentOf(index).length, tags }],
  };
}

/** Rules are tags. */
export function judgeBy(tiers: () => Pick<Tiers<WrittenEntry, string>, 'rules'>) {
  return {
    judge: (entry: WrittenEntry): WrittenEntry | undefined => {
      const later = tiers().rules.filter(({ sequence }) => sequence > entry.seq);
      return entry.variants.some(({ tags }) => later.some(({ rule }) => tags.includes(rule))) ? undefined : entry;
    },
    isJudgedTo: (entry: WrittenEntry, sequence: number): void => {
      entry.seq = Math.max(entry.seq, sequence);
    },
  };
}

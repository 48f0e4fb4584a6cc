/** What is kept of a pull zone's object besides its bytes: a key's entry and its variants. */

import type { StoredHead } from '../http-cache/stored-head.ts';

/** Where an object stands among the purges. What is remembered of the last look changes; nothing else does. */
export interface PurgeMark {
  /** the purge sequence that stood when its fetch began */
  readonly seq: number;
  /** the purges up to this sequence have been looked at */
  checkedSeq: number;
  /** a soft purge was of it: it may be answered with while it is fetched anew, no longer as fresh */
  isStale: boolean;
  /** invalidated while it was on its way in: it is never used */
  isVoid: boolean;
}

/** One stored response of a key. Its bytes never change; its head does when the origin confirms it. */
export interface Variant {
  /** never used again, so a slice can never come to stand for another body's */
  readonly id: string;
  readonly head: StoredHead;
  /** the complete length, whether or not every byte is here */
  readonly lengthBytes: number;
  /** what `Cache-Tag` and `Surrogate-Key` named */
  readonly tags: readonly string[];
  readonly purge: PurgeMark;
}

/** All that is stored under one key. */
export interface Entry {
  readonly key: string;
  /** the host and the path's one spelling, by which purges name it */
  readonly host: string;
  readonly name: string;
  /** the least of its variants' purge sequences */
  readonly seq: number;
  readonly variants: readonly Variant[];
}

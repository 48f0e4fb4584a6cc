/** A response that may be answered with: stored, or still on its way in. */

import type { StoredHead } from '../http-cache/stored-head.ts';
import type { Body, Reader } from './body.ts';
import type { PurgeMark, Variant } from './entry.ts';

export interface Candidate {
  readonly head: StoredHead;
  readonly tags: readonly string[];
  readonly purge: PurgeMark;
  /** what is stored; null while it is on its way in */
  readonly variant: Variant | null;
  /** what it grows in; null once it is stored */
  readonly body: Body | null;
}

/** A body in hand: all of its bytes, or a place among its readers, which must be left. */
export type Hold = { readonly bytes: Buffer } | { readonly body: Body; readonly reader: Reader };

export function ofVariant(variant: Variant): Candidate {
  return { head: variant.head, tags: variant.tags, purge: variant.purge, variant, body: null };
}

/** Gives up a body that is not read after all, or has been. */
export function letGo(hold: Hold): void {
  if ('body' in hold) hold.body.leave(hold.reader);
}

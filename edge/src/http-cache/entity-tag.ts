/** Entity tags and lists of them (RFC 9110 §8.8.3). */

import { membersOf } from './fields.ts';

export type TagComparison = 'weak' | 'strong';

export function isWeakTag(tag: string): boolean {
  return tag.startsWith('W/');
}

/** RFC 9110 §8.8.3.2. */
export function sameTag(a: string, b: string, comparison: TagComparison): boolean {
  if (comparison === 'strong') return a === b && !isWeakTag(a);
  return opaque(a) === opaque(b);
}

function opaque(tag: string): string {
  return isWeakTag(tag) ? tag.slice(2) : tag;
}

/** Whether a list of tags, or `*`, holds this one: If-None-Match compares weakly, If-Match strongly. */
export function listsTag(list: string, tag: string, comparison: TagComparison): boolean {
  if (list.trim() === '*') return true;
  return membersOf(list).some((member) => sameTag(member, tag, comparison));
}

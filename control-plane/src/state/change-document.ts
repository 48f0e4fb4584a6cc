/** One document changed as it is now, whoever else changes it at the same time. */

import type { Change, Collection, Store } from './store.ts';

interface Changed<T> {
  /** undefined deletes */
  readonly body: T | undefined;
  /** what happens in the same step */
  readonly alongside?: readonly Change[];
}

const TRIES = 16;

/**
 * Changes a document, again for as long as another step came between the look and the commit.
 * @param change of what is there now; null leaves it
 * @returns what was there when it was changed; null when there is none, or `change` left it
 * @throws Error when others came between too often
 */
export async function changeDocument<T>(
  store: Store,
  { collection, id }: { readonly collection: Collection; readonly id: string },
  change: (body: T) => Changed<T> | null,
): Promise<T | null> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const there = await store.get(collection, id);
    const changed = there === null ? null : change(there.body as T);
    if (there === null || changed === null) return null;
    const { body, alongside = [] } = changed;
    const changes = [{ collection, id, expect: there.revision, body }, ...alongside];
    if ((await store.commit({ changes })) === 'done') return there.body as T;
  }
  throw new Error(`${collection} ${id}: another change came between ${TRIES} times`);
}

/** The body of a document, or null. */
export async function readDocument<T>(store: Store, collection: Collection, id: string): Promise<T | null> {
  return ((await store.get(collection, id))?.body as T | undefined) ?? null;
}

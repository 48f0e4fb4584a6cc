/**
 * Keys of the path token. A new key is first made known, valid for checking, and becomes the one that mints a little later:
 * so no door mints with a key that an edge has not yet heard of. The key before it stays valid until the next rotation.
 */

import { randomBytes } from 'node:crypto';
import type { State, StoredPathKey } from './state/state.ts';

/** A page of the feed reaches a node in milliseconds; a node that is reconnecting, in seconds. */
const PROMOTE_AFTER_MS = 5_000;

function makeKey(state: StoredPathKey['state']): StoredPathKey {
  return { kid: randomBytes(4).toString('hex'), secret: randomBytes(32).toString('base64url'), state };
}

/** Sees to it that there is a key. */
export async function ensurePathKey(state: State): Promise<void> {
  if ((await state.pathKeys()).length === 0) await state.replacePathKeys([], [makeKey('current')]);
}

/** What a rotation began. */
export interface Rotation {
  readonly kid: string;
  readonly currentFromMs: number;
}

/** Adds a key. One that was still to be promoted is promoted now. Null when another rotation came between. */
export async function rotatePathKey(state: State, nowMs: number): Promise<Rotation | null> {
  const before = await state.pathKeys();
  const settled = before.some((key) => key.promoteAtMs !== undefined) ? promoted(before) : before;
  const current = settled.filter((key) => key.state === 'current');
  const next: StoredPathKey = { ...makeKey('previous'), promoteAtMs: nowMs + PROMOTE_AFTER_MS };
  const previous = settled.filter((key) => key.state === 'previous').slice(-1);
  const done = await state.replacePathKeys(kids(before), [...previous, ...current, next]);
  return done ? { kid: next.kid, currentFromMs: nowMs + PROMOTE_AFTER_MS } : null;
}

/** Promotes a key whose time has come. Called a few times a second. */
export async function promoteDueKey(state: State, nowMs: number): Promise<boolean> {
  const keys = await state.pathKeys();
  const due = keys.some(({ promoteAtMs }) => promoteAtMs !== undefined && promoteAtMs <= nowMs);
  return due && (await state.replacePathKeys(kids(keys), promoted(keys)));
}

/** The waiting key mints from now on; the one that did so far still checks; older ones are gone. */
function promoted(keys: readonly StoredPathKey[]): readonly StoredPathKey[] {
  return keys.flatMap((key): StoredPathKey[] => {
    if (key.promoteAtMs !== undefined) return [{ kid: key.kid, secret: key.secret, state: 'current' }];
    return key.state === 'current' ? [{ ...key, state: 'previous' }] : [];
  });
}

function kids(keys: readonly StoredPathKey[]): readonly string[] {
  return keys.map(({ kid }) => kid);
}

/** Entity tags (RFC 9110 §8.8.3) of what the API answers, and the conditions of requests (§13). */

import { createHash } from 'node:crypto';

const HASH_CHARS = 16;
const ENTITY_TAG = /(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"/g;

/**
 * The tag of a representation.
 * @param readings what changes by itself all the time, such as a node's load: it counts for who reads, and not for who changes
 */
export function entityTag(state: unknown, readings?: unknown): string {
  return readings === undefined ? `"${hash(state)}"` : `"${hash(state)}.${hash(readings)}"`;
}

/** Whether If-None-Match names the tag (§13.1.2: by weak comparison). */
export function isNamed(header: string, tag: string): boolean {
  return header.trim() === '*' || [...header.matchAll(ENTITY_TAG)].some(([, , name]) => `"${name}"` === tag);
}

/** Whether If-Match names the state of a representation (§13.1.1: a weak tag never does). */
export function isOfState(header: string, state: unknown): boolean {
  if (header.trim() === '*') return true;
  const wanted = hash(state);
  return [...header.matchAll(ENTITY_TAG)].some(([, weak, name = '']) => weak === undefined && stateOf(name) === wanted);
}

function stateOf(name: string): string {
  return name.split('.')[0] ?? '';
}

function hash(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return createHash('sha256').update(text).digest('base64url').slice(0, HASH_CHARS);
}

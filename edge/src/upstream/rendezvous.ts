/**
 * Weighted rendezvous hashing (Thaler and Ravishankar 1998; the logarithm by Resch, 2015): every target has a score for a
 * key that depends on nothing else, and the highest comes first. A target that goes takes its own keys with it and moves no
 * other, and the keys it leaves are shared by weight.
 */

export interface Weighted {
  readonly url: string;
  readonly weight: number;
}

/** The targets in the order in which a key should ask them. */
export function rank<T extends Weighted>(key: string, targets: readonly T[]): T[] {
  if (targets.length < 2) return [...targets];
  return targets
    .map((target) => ({ target, score: scoreOf(key, target) }))
    .sort((a, b) => b.score - a.score)
    .map(({ target }) => target);
}

function scoreOf(key: string, { url, weight }: Weighted): number {
  return -weight / Math.log(uniform(url, key));
}

/** A number in (0, 1) from two texts; 32 bits tell a million keys of a thousand targets apart well enough. */
function uniform(url: string, key: string): number {
  return (mix(hash(key, hash(url, SEED))) + 0.5) / 2 ** 32;
}

/** 32-bit FNV-1a. */
function hash(text: string, basis: number): number {
  let value = basis;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), FNV_PRIME);
  return value;
}

/** FNV's high bits hardly depend on the last characters; murmur3's finalizer spreads them. */
function mix(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85eb_ca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2_ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

const SEED = 0x811c_9dc5;
const FNV_PRIME = 0x0100_0193;

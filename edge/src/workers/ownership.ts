/**
 * Which worker fetches what. Each key has one owner among the workers that serve, by rendezvous hashing: where one comes or
 * goes, only its own keys change hands. The others ask the owner, over a socket of its own, as they would ask an origin.
 */

import { join } from 'node:path';

/** Names a worker in a URL; no such host is ever looked up. */
const HOST = /^worker-(\d+)\.invalid$/;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** A worker's view of who owns what. */
export class Ownership {
  readonly #worker: number;
  readonly #directory: string;
  #serving: readonly number[];

  /** @param worker the number of the one whose view it is: of those that serve it may be the first */
  constructor(worker: number, directory: string) {
    this.#worker = worker;
    this.#directory = directory;
    this.#serving = [worker];
  }

  /** The workers that serve, as the node told last. */
  update(serving: readonly number[]): void {
    this.#serving = serving.includes(this.#worker) ? serving : [...serving, this.#worker];
  }

  owns(key: string): boolean {
    return ownerOf(key, this.#serving) === this.#worker;
  }

  /** The base URL of a key's owner; null when that is this worker itself. */
  elsewhere(key: string): string | null {
    const owner = ownerOf(key, this.#serving);
    return owner === this.#worker ? null : `http://worker-${owner}.invalid`;
  }

  /** Where the host of such a URL listens; null for a host of another kind. */
  socketOf(hostname: string): string | null {
    const worker = HOST.exec(hostname)?.[1];
    return worker === undefined ? null : socketPath(this.#directory, Number(worker));
  }
}

/** Where a worker listens to the others. */
export function socketPath(directory: string, worker: number): string {
  return join(directory, `worker-${worker}`);
}

/** Of workers, the one whose hash with the key is the highest. */
export function ownerOf(key: string, workers: readonly number[]): number {
  let owner = 0;
  let highest = -1;
  for (const worker of workers) {
    const score = hash(`${worker}/${key}`);
    if (score > highest || (score === highest && worker < owner)) [owner, highest] = [worker, score];
  }
  return owner;
}

/** FNV-1a, and the last step of MurmurHash3, without which names that end alike would score alike. */
function hash(text: string): number {
  let value = FNV_OFFSET;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), FNV_PRIME);
  }
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

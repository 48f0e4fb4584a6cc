/** The passes by which edges ask each other: this edge's own, and those that are shown to it. */

import type { FeedState } from '@headwater/protocol/feed-state';
import { type PassPurpose, PASS_TTL_MS, mintNodePass, verifyNodePass } from '@headwater/protocol/node-pass';
import type { Clock } from '@headwater/service/clock';
import { LRUCache } from 'lru-cache';

/** An edge has two passes a minute, and a parent some hundred children. */
const REMEMBERED_PASSES = 2_048;
const RENEW_MS = 60_000;

interface Own {
  readonly pass: string;
  readonly mintedMs: number;
  readonly revision: number;
}

interface Shown {
  readonly node: string;
  readonly checkedMs: number;
  readonly revision: number;
}

export class Passes {
  readonly #nodeId: string;
  readonly #feed: Pick<FeedState, 'keyring' | 'securityRevision'>;
  readonly #clock: Clock;
  readonly #own = new Map<PassPurpose, Own>();
  readonly #shown = new LRUCache<string, Shown>({ max: REMEMBERED_PASSES });

  constructor(nodeId: string, feed: Pick<FeedState, 'keyring' | 'securityRevision'>, clock: Clock) {
    this.#nodeId = nodeId;
    this.#feed = feed;
    this.#clock = clock;
  }

  /** A pass to show; null while no key is known. */
  mint(purpose: PassPurpose): string | null {
    const { keyring, securityRevision: revision } = this.#feed;
    const nowMs = this.#clock.nowMs();
    const own = this.#own.get(purpose);
    const isGood = own?.revision === revision && Math.abs(nowMs - own.mintedMs) < RENEW_MS;
    if (isGood) return own.pass;
    const pass = mintNodePass(this.#nodeId, purpose, keyring, nowMs);
    if (pass === null) this.#own.delete(purpose);
    else this.#own.set(purpose, { pass, mintedMs: nowMs, revision });
    return pass;
  }

  /** The node that shows a pass; null when it is none for this. */
  check(pass: string | readonly string[] | undefined, purpose: PassPurpose): string | null {
    if (typeof pass !== 'string') return null;
    const { keyring, securityRevision: revision } = this.#feed;
    const nowMs = this.#clock.nowMs();
    const key = `${purpose} ${pass}`;
    const shown = this.#shown.get(key);
    const isRecent = shown?.revision === revision && Math.abs(nowMs - shown.checkedMs) < PASS_TTL_MS / 10;
    if (isRecent) return shown.node;
    const node = verifyNodePass(pass, purpose, keyring, nowMs);
    if (node !== null) this.#shown.set(key, { node, checkedMs: nowMs, revision });
    return node;
  }
}

/** Remembers which session tokens with a `jti` have been used here (RFC 9246 §2.1.7). */

import type { ReplayGuard } from '@headwater/protocol/session-token';
import type { Clock } from '@headwater/service/clock';

/** As many uses are remembered; beyond, a token with `jti` is refused rather than let in unseen. */
const REPLAY_LIMIT = 100_000;

/** A bounded memory of uses, each kept until its token ends. */
export class UsedTokens implements ReplayGuard {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #untilMs = new Map<string, number>();
  /** before it none of them ends: looking through all of them is not for every viewer who is refused */
  #nextEndMs = 0;

  constructor(clock: Clock, limit = REPLAY_LIMIT) {
    this.#clock = clock;
    this.#limit = limit;
  }

  firstUse(use: string, untilMs: number): boolean {
    if (this.#untilMs.has(use)) return false;
    if (this.#untilMs.size >= this.#limit) this.#dropEnded();
    if (this.#untilMs.size >= this.#limit) return false;
    this.#untilMs.set(use, untilMs);
    this.#nextEndMs = Math.min(this.#nextEndMs, untilMs);
    return true;
  }

  #dropEnded(): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs < this.#nextEndMs) return;
    this.#nextEndMs = Infinity;
    for (const [use, untilMs] of this.#untilMs) {
      if (untilMs <= nowMs) this.#untilMs.delete(use);
      else this.#nextEndMs = Math.min(this.#nextEndMs, untilMs);
    }
  }
}

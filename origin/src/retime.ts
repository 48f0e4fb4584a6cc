/**
 * From the publisher's clock to the wall clock. A frame cannot have been taken after it arrived, so the least of
 * (arrival − timestamp) over the recent past is the offset between the clocks, up to the network's least delay. The applied
 * offset follows it slowly, so that jitter moves nothing and a clock that drifts is followed; a clock that jumps is followed
 * at once. Times that leave here never go back.
 */

/** Arrivals older than this no longer speak for the offset: long enough to outlast a stall, short enough to follow a drift. */
const MEMORY_MS = 5_000;
const BUCKET_MS = 500;
/**
 * A publisher all of whose packets came late by more than `JUMP_MS` for this long has moved its clock, or its delay for good.
 * One that works off what a stall held up comes back before.
 */
const LATE_FOR_MS = 1_500;
const JUMP_MS = 400;
/** A publisher that catches up gains at least so much within `LATE_FOR_MS`. */
const GAIN_MS = 100;
/** In a publisher's first seconds less than this is a backlog that it works off, not a leap of its clock. */
const BACKLOG_MS = 3_000;
/** How fast the applied offset moves, in ms per ms, by how far it is off: the resampler hides all but the last. */
const SLEW = 0.004;
const FAR_MS = 60;
const FAR_SLEW = 0.02;
/** In a publisher's first seconds, while its first packets' delay is still found out. */
const FRESH_SLEW = 0.2;
const FRESH_FOR_MS = 10_000;
const FRESH_FAR_MS = 15;
/** Two frames of one kind are at least this far apart: FLV counts whole milliseconds. */
const STEP_MS = 1;

interface Bucket {
  readonly startMs: number;
  leastMs: number;
}

export type MediaKind = 'audio' | 'video';

export class Retimer {
  readonly #last: Record<MediaKind, number> = { audio: -Infinity, video: -Infinity };
  #buckets: Bucket[] = [];
  #offsetMs: number | null = null;
  #sessionStartMs = 0;
  #slewedAtMs = 0;
  /** since when every packet was late; null while they are not */
  #lateSinceMs: number | null = null;
  /** what a publisher that was made to wait has still to catch up, and when that last became less; null when nothing */
  #owed: { readonly lateMs: number; readonly atMs: number } | null = null;
  readonly #lastTimestampMs: Record<MediaKind, number> = { audio: -Infinity, video: -Infinity };

  /** A publisher begins: its timestamps have nothing to do with those before. */
  beginSession(): void {
    this.#buckets = [];
    this.#offsetMs = null;
    this.#lastTimestampMs.audio = -Infinity;
    this.#lastTimestampMs.video = -Infinity;
  }

  /** We made the publisher wait until now: that it comes late says nothing of its clock, as long as it catches up. */
  excuse(nowMs: number): void {
    this.#owed = { lateMs: Infinity, atMs: nowMs };
    this.#lateSinceMs = null;
  }

  /** Wall clock minus publisher's clock as applied now; null before the first packet of a session. */
  get offsetMs(): number | null {
    return this.#offsetMs;
  }

  /** Media time of the newest packet given out; -Infinity before the first. */
  lastMs(kind: MediaKind): number {
    return this.#last[kind];
  }

  /**
   * Learns from an arrival.
   * @param timestampMs the presentation time on the publisher's clock
   * @param nowMs wall clock
   * @returns whether the publisher's clock leapt: what came before does not count by it any more
   */
  observe(kind: MediaKind, timestampMs: number, nowMs: number): boolean {
    const sampleMs = nowMs - timestampMs;
    const backMs = this.#lastTimestampMs[kind] - timestampMs;
    this.#lastTimestampMs[kind] = timestampMs;
    if (this.#offsetMs === null || backMs > LATE_FOR_MS) {
      const isFirst = this.#offsetMs === null;
      this.#anchor(sampleMs, nowMs);
      return !isFirst;
    }
    if (this.#catchesUp(sampleMs - this.#offsetMs, nowMs)) return false;
    this.#remember(sampleMs, nowMs);
    // Ahead of the wall clock by more than the slew explains: the publisher's clock leapt.
    const leaps = this.#offsetMs - sampleMs > (this.#isFresh(nowMs) ? BACKLOG_MS : JUMP_MS);
    if (leaps) this.#anchor(sampleMs, nowMs);
    if (sampleMs - this.#offsetMs <= JUMP_MS) this.#lateSinceMs = null;
    else if (this.#lateSinceMs === null) this.#lateSinceMs = nowMs;
    else if (nowMs - this.#lateSinceMs > LATE_FOR_MS) this.#anchor(this.#leastSince(this.#lateSinceMs), nowMs);
    this.#slew(nowMs);
    return leaps;
  }

  /** Takes up at once what was learned since the session began: nothing of it has been given out yet. */
  settle(): void {
    if (this.#offsetMs !== null) this.#offsetMs = this.#leastSince(-Infinity);
  }

  /**
   * Media time for a time on the publisher's clock, not yet held to be monotonic.
   * @throws Error before the first {@link observe} of a session
   */
  mediaMs(timestampMs: number): number {
    if (this.#offsetMs === null) throw new Error('no packet was observed in this session');
    return timestampMs + this.#offsetMs;
  }

  /** Gives out a time: whole milliseconds, later than the last one of its kind. */
  give(kind: MediaKind, mediaMs: number): number {
    const given = Math.max(Math.round(mediaMs), this.#last[kind] + STEP_MS);
    this.#last[kind] = given;
    return given;
  }

  #anchor(offsetMs: number, nowMs: number): void {
    this.#buckets = [{ startMs: nowMs, leastMs: offsetMs }];
    this.#offsetMs = offsetMs;
    this.#sessionStartMs = nowMs;
    this.#slewedAtMs = nowMs;
    this.#lateSinceMs = null;
    this.#owed = null;
  }

  #catchesUp(lateMs: number, nowMs: number): boolean {
    const owed = this.#owed;
    if (owed === null) return false;
    if (lateMs < owed.lateMs - GAIN_MS) this.#owed = { lateMs, atMs: nowMs };
    else if (nowMs - owed.atMs > LATE_FOR_MS) this.#owed = null;
    if (lateMs <= 0) this.#owed = null;
    this.#slewedAtMs = nowMs;
    return this.#owed !== null;
  }

  #isFresh(nowMs: number): boolean {
    return nowMs - this.#sessionStartMs < FRESH_FOR_MS;
  }

  #remember(sampleMs: number, nowMs: number): void {
    const newest = this.#buckets.at(-1);
    if (newest !== undefined && nowMs - newest.startMs < BUCKET_MS) {
      newest.leastMs = Math.min(newest.leastMs, sampleMs);
      return;
    }
    this.#buckets.push({ startMs: nowMs, leastMs: sampleMs });
    // One bucket older than the memory stays until the next one covers it.
    while ((this.#buckets[0]?.startMs ?? nowMs) < nowMs - MEMORY_MS) this.#buckets.shift();
  }

  #leastSince(sinceMs: number): number {
    let leastMs = Infinity;
    for (const bucket of this.#buckets) {
      if (bucket.startMs + BUCKET_MS > sinceMs) leastMs = Math.min(leastMs, bucket.leastMs);
    }
    return leastMs;
  }

  #slew(nowMs: number): void {
    const offsetMs = this.#offsetMs as number;
    const errorMs = this.#leastSince(-Infinity) - offsetMs;
    const reachMs = Math.max(0, nowMs - this.#slewedAtMs) * this.#slewRate(Math.abs(errorMs), nowMs);
    this.#offsetMs = offsetMs + Math.max(-reachMs, Math.min(reachMs, errorMs));
    this.#slewedAtMs = nowMs;
  }

  #slewRate(offByMs: number, nowMs: number): number {
    if (this.#isFresh(nowMs) && offByMs > FRESH_FAR_MS) return FRESH_SLEW;
    return offByMs > FAR_MS ? FAR_SLEW : SLEW;
  }
}

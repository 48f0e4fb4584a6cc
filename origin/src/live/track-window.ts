/** The segments of one track that are kept in memory, oldest first. Bytes and bookkeeping; no waiting, no time. */

import type { Part, Segment } from '@headwater/protocol/timeline';

export interface StoredPart extends Part {
  readonly data: Uint8Array;
  /** nothing more comes for its segment */
  readonly last: boolean;
  /** the timeline's revision that first held it */
  readonly revision: number;
}

export interface StoredSegment {
  readonly number: number;
  readonly epoch: string;
  readonly startTicks: number;
  durationTicks: number;
  bytes: number;
  complete: boolean;
  /** whether the timeline still lists the parts: near the live edge only */
  partsListed: boolean;
  readonly parts: StoredPart[];
  /** the timeline's revision that last changed what it says of this segment */
  revision: number;
}

/** The timeline lists the parts of the newest segment and of so many before it: three target durations. */
const SEGMENTS_WITH_PARTS = 4;

export class TrackWindow {
  #segments: StoredSegment[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get segments(): readonly StoredSegment[] {
    return this.#segments;
  }

  get newest(): StoredSegment | undefined {
    return this.#segments.at(-1);
  }

  /** Decode time at which the next sample is due, or null when there is none yet. */
  get endTicks(): number | null {
    const newest = this.newest;
    return newest === undefined ? null : newest.startTicks + newest.durationTicks;
  }

  find(number: number): StoredSegment | undefined {
    return this.#segments.findLast((segment) => segment.number === number);
  }

  /** Opens a segment; the one before it gets nothing more. */
  open(segment: Pick<StoredSegment, 'number' | 'epoch' | 'startTicks'>, revision: number): StoredSegment {
    this.closeNewest(revision);
    const opened = { ...segment, durationTicks: 0, bytes: 0, complete: false, partsListed: true, parts: [], revision };
    this.#segments.push(opened);
    for (const old of this.#segments.slice(0, -SEGMENTS_WITH_PARTS)) {
      if (!old.partsListed) continue;
      old.partsListed = false;
      old.revision = revision;
    }
    return opened;
  }

  append(segment: StoredSegment, part: StoredPart): void {
    segment.parts.push(part);
    segment.durationTicks += part.durationTicks;
    segment.bytes += part.bytes;
    segment.complete = part.last;
    segment.revision = part.revision;
    this.#bytes += part.bytes;
  }

  /** Marks the newest segment complete though its last part did not say so: a gap follows. */
  closeNewest(revision: number): void {
    const newest = this.newest;
    if (newest === undefined || newest.complete) return;
    newest.complete = true;
    newest.revision = revision;
  }

  /** Drops segments below a number. The newest always stays. @returns whether there were any */
  dropBelow(number: number): boolean {
    const kept = this.#segments.filter((segment) => segment.number >= number || segment === this.newest);
    const dropped = this.#segments.length - kept.length;
    this.#segments = kept;
    this.#bytes = kept.reduce((sum, segment) => sum + segment.bytes, 0);
    return dropped > 0;
  }
}

/** A segment as the timeline tells it. */
export function describeSegment(segment: StoredSegment): Segment {
  const { number, epoch, startTicks, durationTicks, bytes, complete } = segment;
  const parts = segment.partsListed
    ? segment.parts.map(({ durationTicks, independent, bytes }) => ({ durationTicks, independent, bytes }))
    : [];
  return { number, epoch, startTicks, durationTicks, bytes, complete, parts };
}

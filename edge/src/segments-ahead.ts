/**
 * The next segment of what is watched, filled before anybody asks for it: as parts come, so that it is here whole at the moment
 * at which playlists name it. Whoever asks for a segment has the next one brought; a track that nobody asks for costs nothing.
 */

import type { MediaDesk } from './media-desk.ts';
import { PrefetchQueue, type PrefetchResult } from './prefetch-queue.ts';
import type { StreamView } from './stream-view.ts';
import { type MediaResource, formatKey } from './target.ts';
import { findSegment, isComplete } from './timeline-reading.ts';

interface SegmentsAheadOptions {
  readonly desk: MediaDesk;
  /** at once, and as many that wait; 0: none ever */
  readonly limit: number;
  readonly onEnded: (result: PrefetchResult) => void;
}

type SegmentName = Extract<MediaResource, { readonly kind: 'segment' | 'ts' }>;

/** A segment takes its own duration to come; one that takes longer than so many is not waited for. */
const PATIENCE_SEGMENTS = 3;

export class SegmentsAhead {
  readonly #desk: MediaDesk;
  readonly #queue: PrefetchQueue;

  constructor({ desk, limit, onEnded }: SegmentsAheadOptions) {
    this.#desk = desk;
    this.#queue = new PrefetchQueue({ running: limit, waiting: limit, onEnded });
  }

  /** Somebody asked for this; the next one is brought unless it is here. */
  after(view: StreamView | undefined, asked: MediaResource): void {
    if (view === undefined || (asked.kind !== 'segment' && asked.kind !== 'ts')) return;
    const key = formatKey(view.stream, { ...asked, number: asked.number + 1 });
    if (!this.#desk.has(key)) this.#queue.offer(key, () => this.#bring(view, asked));
  }

  /** Nothing more begins. */
  stop(): void {
    this.#queue.stop();
  }

  /** Only one is brought ahead: until the one before it is whole the origin has nothing of it. */
  async #bring(view: StreamView, asked: SegmentName): Promise<boolean> {
    const { timeline } = view;
    if (timeline === undefined) return false;
    const patience = { withinMs: PATIENCE_SEGMENTS * timeline.segmentDurationMs };
    await view.until(() => view.timeline === undefined || isComplete(view.timeline, asked), patience);
    const next = nameAfter(view, asked);
    if (next === null) return false;
    // MPEG-TS is put together at once, so what goes into it is waited for here.
    const inputs = next.kind === 'ts' ? this.#desk.inputsOf(view, next) : [];
    await Promise.all(inputs.map((input) => this.#desk.whole(view, input, patience)));
    return (await this.#desk.whole(view, next, patience)).ok;
  }
}

/** The next segment; under the epoch that it has, where it is known, else that of the one before. Null after the last. */
function nameAfter({ timeline }: StreamView, asked: SegmentName): SegmentName | null {
  if (timeline === undefined || !isComplete(timeline, asked)) return null;
  const number = asked.number + 1;
  const known = findSegment(timeline, asked.track, number);
  if (known === undefined && timeline.state !== 'live') return null;
  return { ...asked, number, epoch: known?.epoch ?? asked.epoch };
}

/** What one worker tells another of a stream that it follows: as an origin does, only what changed since a revision. */

import type { Segment, Timeline, TimelineChange } from '@headwater/protocol/timeline';
import { windowOf } from '../timeline-reading.ts';

/** Who is further behind is told everything. */
const REVISIONS_KEPT = 16;

export class TimelineRelay {
  /** by who follows the stream, what was told under each revision */
  readonly #told = new WeakMap<object, Map<number, Timeline>>();

  /** Everything, where it is not known what the asker knows. */
  change(view: object, timeline: Timeline, since: number | null): TimelineChange {
    const told = this.#told.get(view) ?? new Map<number, Timeline>();
    this.#told.set(view, told);
    const before = since === null ? undefined : told.get(since);
    if (!told.has(timeline.revision)) told.set(timeline.revision, timeline);
    const oldest = told.keys().next().value;
    if (told.size > REVISIONS_KEPT && oldest !== undefined) told.delete(oldest);
    if (before === undefined || !goesOn(before, timeline)) return { full: true, timeline };
    return { full: false, timeline: sinceThen(before, timeline) };
  }
}

/** Whether nothing went but the oldest: a difference cannot say that a segment or a track is no more. */
function goesOn(before: Timeline, timeline: Timeline): boolean {
  return Object.entries(before.windows).every(([track, window]) => {
    const now = windowOf(timeline, track) ?? [];
    const numbers = new Set(now.map(({ number }) => number));
    const oldest = now[0]?.number ?? -Infinity;
    return window.every(({ number }) => number < oldest || numbers.has(number));
  });
}

/** The timeline with those segments alone that are new or grew: the others are the very objects that they were. */
function sinceThen(before: Timeline, timeline: Timeline): Timeline {
  const windows: Record<string, readonly Segment[]> = {};
  for (const [track, window] of Object.entries(timeline.windows)) {
    const known = new Set(windowOf(before, track));
    windows[track] = window.filter((segment) => !known.has(segment));
  }
  return { ...timeline, windows };
}

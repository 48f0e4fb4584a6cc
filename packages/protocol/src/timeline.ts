/**
 * The timeline: all that an edge must know of a stream's media to write any playlist or MPD, and to name any object.
 *
 * Media time is wall-clock time: tick 0 of every track is `anchorMs`, and segment N of every track covers
 * [N × segmentDurationMs, (N+1) × segmentDurationMs) of media time. So N is the same on every rendition, goes on through
 * every reconnect and restart, and serves as HLS media sequence number and as DASH `$Number$`.
 */

export type StreamState = 'live' | 'ended' | 'vod';

/** A stretch of media that shares its initialisation segments. `ordinal` is the HLS discontinuity sequence. */
export interface Epoch {
  readonly id: string;
  readonly ordinal: number;
  /** the first segment number that can belong to this epoch */
  readonly firstSegment: number;
}

/** One elementary stream in one quality. A track is video or audio, never both. */
export interface Track {
  readonly id: string;
  readonly kind: 'video' | 'audio';
  /** RFC 6381, such as `avc1.64001f` or `mp4a.40.2`, of the newest epoch */
  readonly codec: string;
  /** peak, in bits per second */
  readonly bandwidth: number;
  readonly timescale: number;
  readonly width?: number;
  readonly height?: number;
  /** frames per second as a fraction */
  readonly frameRate?: readonly [numerator: number, denominator: number];
  readonly channels?: number;
  readonly sampleRate?: number;
  readonly language?: string;
}

export interface Part {
  readonly durationTicks: number;
  /** starts with a sync sample */
  readonly independent: boolean;
  readonly bytes: number;
}

export interface Segment {
  readonly number: number;
  readonly epoch: string;
  /** decode time of the first sample, in the track's ticks since the anchor */
  readonly startTicks: number;
  /** of what is there so far; final once complete */
  readonly durationTicks: number;
  readonly bytes: number;
  readonly complete: boolean;
  /** empty once the segment is more than three target durations behind the live edge */
  readonly parts: readonly Part[];
}

export interface Timeline {
  readonly stream: string;
  /** grows with every change, also over an origin's restart */
  readonly revision: number;
  readonly state: StreamState;
  readonly segmentDurationMs: number;
  /** nominal part duration on the video grid */
  readonly partDurationMs: number;
  /** no part of any track is longer; at least 85% of it for a part that is neither last nor independent */
  readonly partTargetMs: number;
  /** Unix time in ms of media time 0 */
  readonly anchorMs: number;
  /** how many segments a playlist shows; a window may hold more */
  readonly windowSegments: number;
  readonly epochs: readonly Epoch[];
  readonly tracks: readonly Track[];
  /** by track id, oldest first; numbers ascend, a missing number is a gap */
  readonly windows: Readonly<Record<string, readonly Segment[]>>;
}

/** What changed since a revision: the head is whole (it is small), windows hold only segments that are new or grew. */
export interface TimelineChange {
  readonly full: boolean;
  readonly timeline: Timeline;
}

/**
 * Puts a change onto what is known. A full change replaces; another one is merged by segment number, keeps what it does
 * not mention, and drops segments older than the newest `windowSegments + KEPT_BEHIND_WINDOW` of any track, on all alike.
 */
export function applyChange(known: Timeline | undefined, change: TimelineChange): Timeline {
  if (change.full || known === undefined) return change.timeline;
  const next = change.timeline;
  const merged = next.tracks.map(({ id }) => ({
    id,
    window: mergeWindow(known.windows[id] ?? [], next.windows[id] ?? []),
  }));
  const newest = Math.max(0, ...merged.map(({ window }) => window.at(-1)?.number ?? 0));
  const oldest = newest - next.windowSegments - KEPT_BEHIND_WINDOW + 1;
  const windows = Object.fromEntries(merged.map(({ id, window }) => [id, dropBelow(window, oldest)]));
  return { ...next, windows };
}

/** Segments that stay readable after they left the playlist (a player may still be asking for them). */
export const KEPT_BEHIND_WINDOW = 6;

function mergeWindow(known: readonly Segment[], changed: readonly Segment[]): Segment[] {
  const byNumber = new Map(known.map((segment) => [segment.number, segment]));
  for (const segment of changed) byNumber.set(segment.number, segment);
  return [...byNumber.values()].sort((a, b) => a.number - b.number);
}

/** The newest always stays, as at the origin. */
function dropBelow(window: readonly Segment[], number: number): readonly Segment[] {
  return window.filter((segment, index) => segment.number >= number || index === window.length - 1);
}

/**
 * Ticks of one whole segment.
 * @throws RangeError when the grid does not fall on a tick: the timescale and the duration do not fit together
 */
export function segmentTicks(timescale: number, segmentDurationMs: number): number {
  const ticks = (timescale * segmentDurationMs) / 1000;
  if (!Number.isSafeInteger(ticks) || ticks <= 0) {
    throw new RangeError(`segments of ${segmentDurationMs} ms do not fall on ticks of 1/${timescale} s`);
  }
  return ticks;
}

/** The number of the segment that a sample at `ticks` belongs to. Exact while ticks are safe integers. */
export function segmentNumberAt(ticks: number, timescale: number, segmentDurationMs: number): number {
  return Math.floor(ticks / segmentTicks(timescale, segmentDurationMs));
}

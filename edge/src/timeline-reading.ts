/** Reading a timeline: where a track stands, what may be asked of it, and how a part on its own brings it forward. */

import type { Segment, Timeline } from '@headwater/protocol/timeline';
import type { PartFacts } from './stored.ts';
import type { MediaResource } from './target.ts';

/** The newest of a track that is known. */
export interface Position {
  readonly epoch: string;
  readonly number: number;
  /** how many parts of it are there */
  readonly parts: number;
  readonly complete: boolean;
}

/** A part's name within its stream. */
export interface PartName {
  readonly track: string;
  readonly epoch: string;
  readonly number: number;
  readonly part: number;
}

/** Requests may be this many segments ahead of what is known (RFC 8216bis §6.2.5.2). */
const AHEAD_SEGMENTS = 2;

/** The segments of a track; undefined for one that the stream does not have, even if every object has something of that name. */
export function windowOf({ windows }: Timeline, track: string): readonly Segment[] | undefined {
  return Object.hasOwn(windows, track) ? windows[track] : undefined;
}

/** Null before the track's first part. */
export function positionOf(timeline: Timeline, track: string): Position | null {
  const last = windowOf(timeline, track)?.at(-1);
  if (last === undefined) return null;
  return { epoch: last.epoch, number: last.number, parts: last.parts.length, complete: last.complete };
}

/** The part that comes next on a track, if its epoch goes on. */
export function nextPart(position: Position, track: string): PartName {
  const { epoch, number, parts, complete } = position;
  return complete ? { track, epoch, number: number + 1, part: 0 } : { track, epoch, number, part: parts };
}

/** What `_HLS_msn` and `_HLS_part` ask for. */
export interface Wanted {
  readonly msn: number;
  readonly part: number | null;
}

/**
 * Whether a playlist of this timeline answers `_HLS_msn` and `_HLS_part` (RFC 8216bis §6.2.5.2): without a part the whole
 * segment must be there; a part beyond the segment's last is part 0 of the next.
 */
export function hasReached(timeline: Timeline, track: string, wanted: Wanted): boolean {
  const at = positionOf(timeline, track);
  if (at === null || at.number < wanted.msn) return false;
  if (at.number > wanted.msn) return true;
  return wanted.part === null ? at.complete : at.parts > wanted.part;
}

/** Which of its directives makes a request for a live playlist point too far ahead to be waited for; null for none. */
export function tooFar(timeline: Timeline, at: Position, wanted: Wanted): 'msn' | 'part' | null {
  if (timeline.state !== 'live') return null;
  if (wanted.msn > at.number + AHEAD_SEGMENTS) return 'msn';
  // RFC 8216bis §6.2.5.2, Advance Part Limit.
  const partsAhead = 3 / Math.min(1, timeline.partTargetMs / 1000);
  const lastPart = wanted.msn === at.number ? at.parts - 1 : -1;
  return wanted.msn >= at.number && (wanted.part ?? 0) - lastPart > partsAhead ? 'part' : null;
}

const SPARE_PARTS = 2;

export type Whereabouts =
  /** known to be there */
  | 'there'
  /** not known, and near enough that the origin must be asked */
  | 'ahead'
  /** under an epoch that this edge has not heard of: its timeline tells in a moment, or there is no such thing */
  | 'unheard'
  /** further ahead than anybody waits */
  | 'too-early'
  /** left the window, fell into a gap, or stands under another epoch */
  | 'gone'
  | 'no-track';

/** Where an object stands, seen from what this edge knows. */
export function whereabouts(timeline: Timeline, resource: MediaResource): Whereabouts {
  const window = windowOf(timeline, resource.track);
  if (window === undefined) return 'no-track';
  // What is not known yet is asked of the origin, so there must be few names for it, whatever a viewer makes up.
  const unknown = timeline.epochs.some(({ id }) => id === resource.epoch) ? 'ahead' : 'unheard';
  if (resource.kind === 'init') return unknown;
  if (resource.kind === 'part' && resource.part >= partsLimit(timeline)) return 'gone';
  const newest = window.at(-1);
  if (newest === undefined) return unknown;
  if (resource.number > newest.number + AHEAD_SEGMENTS) return 'too-early';
  if (resource.number > newest.number) return unknown;
  const segment = findSegment(timeline, resource.track, resource.number);
  // A segment is never taken back, so another epoch under the same number is the end of the matter.
  if (segment?.epoch !== resource.epoch) return 'gone';
  if (resource.kind !== 'part') return segment.complete ? 'there' : 'ahead';
  if (resource.part < segment.parts.length) return 'there';
  if (!segment.complete) return 'ahead';
  return segment.parts.length === 0 ? 'there' : 'gone';
}

/** Whether a segment will be there: `due` is there or can be waited for, `distant` may come later than anybody waits. */
export function prospectOf(timeline: Timeline, name: Omit<PartName, 'part'>): 'due' | 'distant' | 'never' {
  if (timeline.state !== 'live') {
    return findSegment(timeline, name.track, name.number)?.epoch === name.epoch ? 'due' : 'never';
  }
  switch (whereabouts(timeline, { kind: 'segment', ...name })) {
    case 'there':
    case 'ahead':
      return 'due';
    case 'too-early':
    case 'unheard':
      return 'distant';
    case 'gone':
    case 'no-track':
      return 'never';
  }
}

/** No segment of the stream has more parts: its grid, and some that fell beside it. */
function partsLimit({ segmentDurationMs, partDurationMs }: Timeline): number {
  return Math.ceil(segmentDurationMs / partDurationMs) + SPARE_PARTS;
}

/** A segment of a window. */
export function findSegment(timeline: Timeline, track: string, number: number): Segment | undefined {
  return windowOf(timeline, track)?.findLast((segment) => segment.number === number);
}

/** Whether an object, or the beginning of a segment, is known to be there, so that its bytes are a matter of moments. */
export function isUnderWay(timeline: Timeline, resource: MediaResource): boolean {
  if (resource.kind === 'init' || whereabouts(timeline, resource) === 'there') return true;
  return resource.kind === 'segment' && (findSegment(timeline, resource.track, resource.number)?.parts.length ?? 0) > 0;
}

/** Whether all of a segment is known to be there. */
export function isComplete(timeline: Timeline, { track, epoch, number }: Omit<PartName, 'part'>): boolean {
  const segment = findSegment(timeline, track, number);
  return segment?.epoch === epoch && segment.complete;
}

/** The timeline with one more part, as the part itself told of it; the same timeline when it does not follow on. */
export function withPart(timeline: Timeline, name: PartName, facts: PartFacts, bytes: number): Timeline {
  const window = windowOf(timeline, name.track);
  const newest = window?.at(-1);
  if (window === undefined || newest === undefined) return timeline;
  const opens = name.part === 0 && name.number === newest.number + 1 && name.epoch === newest.epoch && newest.complete;
  const grows = isSame(newest, name) && !newest.complete && newest.parts.length === name.part;
  if (!opens && !grows) return timeline;
  const part = { durationTicks: facts.durationTicks, independent: facts.independent, bytes };
  const before = opens ? emptySegment(name, facts.segmentStartTicks) : newest;
  const grown: Segment = {
    ...before,
    durationTicks: before.durationTicks + facts.durationTicks,
    bytes: before.bytes + bytes,
    complete: facts.last,
    parts: [...before.parts, part],
  };
  const kept = opens ? window : window.slice(0, -1);
  return { ...timeline, windows: { ...timeline.windows, [name.track]: [...kept, grown] } };
}

/**
 * A timeline that was written before a part arrived on its own must not take it back: for each track the newest segments stay
 * as far as they were known.
 */
export function neverBack(known: Timeline | undefined, next: Timeline): Timeline {
  if (known === undefined || next.state !== 'live') return next;
  const windows: Record<string, readonly Segment[]> = {};
  for (const [track, window] of Object.entries(next.windows)) {
    windows[track] = keepFurther(windowOf(known, track) ?? [], window);
  }
  return { ...next, windows };
}

function keepFurther(known: readonly Segment[], next: readonly Segment[]): readonly Segment[] {
  const newest = next.at(-1);
  if (newest === undefined) return next;
  const byNumber = new Map(known.map((segment) => [segment.number, segment]));
  const kept = next.map((segment) => {
    const before = byNumber.get(segment.number);
    return before !== undefined && isFurther(before, segment) ? before : segment;
  });
  return [...kept, ...known.filter(({ number, epoch }) => number > newest.number && epoch === newest.epoch)];
}

/** Of two tellings of one segment. */
function isFurther(a: Segment, b: Segment): boolean {
  return a.epoch === b.epoch && !b.complete && (a.complete || a.parts.length > b.parts.length);
}

function isSame(segment: Segment, name: PartName): boolean {
  return segment.number === name.number && segment.epoch === name.epoch;
}

function emptySegment(name: PartName, startTicks: number): Segment {
  const { number, epoch } = name;
  return { number, epoch, startTicks, durationTicks: 0, bytes: 0, complete: false, parts: [] };
}

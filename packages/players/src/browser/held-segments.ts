/**
 * hls.js 1.7 keeps what it has loaded of a segment's parts with the objects of a playlist, and what it has of segments by name.
 * The playlist of another pathway has new objects: where the buffer ends with a segment, it takes that segment's parts for
 * missing, finds the segment present, and asks for nothing until the parts have left the playlist some five seconds later.
 */

import type { ElementaryStreamInfo, LevelDetails } from 'hls.js';

/** What a buffer's end may differ from a segment's, in seconds: less than a picture or a frame of sound lasts. */
const TOLERANCE_S = 0.03;

/** Says of the parts of whole segments that are in the buffer that they are loaded. Those of a growing one stay as they are. */
export function noteHeldSegments(
  { partList, fragmentHint }: LevelDetails,
  kind: 'audio' | 'video',
  held: { readonly start: number; readonly end: number } | null,
): void {
  if (held === null) return;
  for (const { fragment, start, end, loaded, elementaryStreams } of partList ?? []) {
    const isHeld = fragment.start >= held.start - TOLERANCE_S && fragment.end <= held.end + TOLERANCE_S;
    if (loaded || fragment === fragmentHint || !isHeld) continue;
    const streams: Partial<Record<string, ElementaryStreamInfo | null>> = elementaryStreams;
    streams[kind] = { startPTS: start, endPTS: end, startDTS: start, endDTS: end };
  }
}

/** `HTMLMediaElement.HAVE_FUTURE_DATA`; one that is told to play with less says that it waits. */
const HAVE_FUTURE_DATA = 3;

/** What is read of a media element. */
interface Playing {
  readonly buffered: { readonly length: number; start(index: number): number; end(index: number): number };
  readonly currentTime: number;
}

/**
 * How much has to be ahead of a picture before it moves: two parts of the three that are there. hls.js begins at what is
 * left of one, often a frame, while the next is still under way.
 */
export const START_S = 0.6;

/** Whether a media element that stands can move, and has {@link START_S} to go on with. */
export function holdsEnoughToStart(media: Playing & { readonly readyState: number }): boolean {
  const held = heldRange(media);
  return held !== null && media.readyState >= HAVE_FUTURE_DATA && held.end - media.currentTime >= START_S;
}

/**
 * The buffered range in which a media element plays; null where there is none.
 * @param buffer of sound or picture alone: at a start it reaches further back than what there is of both
 */
export function heldRange(
  { buffered, currentTime }: Playing,
  buffer: Pick<Playing, 'buffered'> = { buffered },
): { start: number; end: number } | null {
  const ranges = buffer.buffered;
  for (let index = 0; index < ranges.length; index += 1) {
    const [start, end] = [ranges.start(index), ranges.end(index)];
    if (currentTime >= start - TOLERANCE_S && currentTime <= end + TOLERANCE_S) return { start, end };
  }
  return null;
}

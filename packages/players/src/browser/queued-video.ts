/**
 * hls.js 1.7 lets no sound into its buffer ahead of the picture: it holds a part of sound back until it is handed a picture that
 * reaches as far. What it is handed before there are source buffers it does not count. Sound that comes after those is then held
 * back though its picture is there, until the next part of the picture is made: a third of a second in which what is left of one
 * part of sound has to last.
 */

import type { BufferAppendingData } from 'hls.js';

/** What is written of hls.js's own buffer controller; not declared by it. */
export interface VideoQueue {
  lastVideoAppendEnd: number;
}

/** Counts a part or segment of the picture that hls.js was handed, whether or not it has a buffer for it by now. */
export function noteQueuedVideo(
  queue: VideoQueue,
  { type, frag, part }: Pick<BufferAppendingData, 'type' | 'frag' | 'part'>,
): void {
  if (type === 'video' && frag.sn !== 'initSegment') queue.lastVideoAppendEnd = (part ?? frag).end;
}

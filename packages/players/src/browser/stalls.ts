/** Counts the times a playing picture had to stop and wait. */

export interface StallCounter {
  readonly count: number;
  /** Begins anew, for another player. */
  reset(): void;
}

/**
 * A stall is a `waiting` while the viewer wants to see the picture move. The wait before the first frame is none, and neither
 * is one that follows a seek, the viewer's or the player's own.
 */
export function countStalls(video: HTMLVideoElement): StallCounter {
  let count = 0;
  let playing = false;
  video.addEventListener('playing', () => {
    playing = true;
  });
  video.addEventListener('waiting', () => {
    if (playing && !video.seeking && !video.paused) count += 1;
  });
  // A new source begins anew.
  for (const event of ['seeking', 'emptied', 'pause']) {
    video.addEventListener(event, () => {
      playing = false;
    });
  }
  return {
    get count() {
      return count;
    },
    reset() {
      count = 0;
      playing = false;
    },
  };
}

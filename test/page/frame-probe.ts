/**
 * Runs inside the watch page, before the page's own code: looks at every frame that is put on screen, and reads the clock
 * bar from its pixels. The test sets `CLOCK_BAR` first. Injected as a script: it imports nothing.
 */

interface FrameProbe {
  /** from the start of navigation; null until there is one */
  firstFrameMs: number | null;
  /** seconds in the buffer ahead of the picture when it was first told to play; null until then */
  startAheadS: number | null;
  /** of the video's `waiting` events after the first frame */
  readonly waits: number[];
  /** longer than {@link FREEZE_MS} without a new frame: when it ended, and how long it was */
  readonly freezes: { readonly atMs: number; readonly ms: number }[];
  readonly samples: { atMs: number; clock: number | null; mediaTime: number; presented: number }[];
}

interface ClockBar {
  readonly x: number;
  readonly y: number;
  readonly cellPixels: number;
  readonly bits: number;
}

const DRAWN_WIDTH = 1280;
const READ_EVERY_MS = 200;
const FREEZE_MS = 80;

const frameProbe: FrameProbe = { firstFrameMs: null, startAheadS: null, waits: [], freezes: [], samples: [] };
Object.assign(globalThis, { frameProbe });
document.addEventListener('DOMContentLoaded', () => {
  const video = document.querySelector('video');
  const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  if (video !== null && context !== null) watchFrames(video, context);
});

function watchFrames(video: HTMLVideoElement, context: CanvasRenderingContext2D): void {
  let lastReadMs = -Infinity;
  let lastShownMs = Infinity;
  video.addEventListener('waiting', () => {
    if (frameProbe.firstFrameMs !== null) frameProbe.waits.push(Math.round(performance.now()));
  });
  video.addEventListener('play', () => {
    frameProbe.startAheadS ??= aheadS(video);
  });
  const look = (nowMs: number, frame: VideoFrameCallbackMetadata): void => {
    frameProbe.firstFrameMs ??= frame.presentationTime;
    const stillMs = frame.presentationTime - lastShownMs;
    lastShownMs = frame.presentationTime;
    if (stillMs > FREEZE_MS) frameProbe.freezes.push({ atMs: performance.timeOrigin + lastShownMs, ms: stillMs });
    if (nowMs - lastReadMs >= READ_EVERY_MS) {
      lastReadMs = nowMs;
      const clock = readClockBar(video, context);
      const atMs = performance.timeOrigin + frame.presentationTime;
      frameProbe.samples.push({ atMs, clock, mediaTime: frame.mediaTime, presented: frame.presentedFrames });
    }
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
}

function aheadS({ buffered, currentTime }: HTMLVideoElement): number {
  return buffered.length === 0 ? 0 : buffered.end(buffered.length - 1) - currentTime;
}

/** The burnt-in clock in ms modulo 2³², or null when a cell is neither black nor white. */
function readClockBar(video: HTMLVideoElement, context: CanvasRenderingContext2D): number | null {
  const { x, y, cellPixels, bits } = (globalThis as unknown as { readonly CLOCK_BAR: ClockBar }).CLOCK_BAR;
  const scale = video.videoWidth / DRAWN_WIDTH;
  const { canvas } = context;
  canvas.width = video.videoWidth;
  canvas.height = Math.ceil((y + cellPixels) * scale);
  context.drawImage(video, 0, 0);
  const row = context.getImageData(0, Math.floor((y + cellPixels / 2) * scale), canvas.width, 1).data;
  let value = 0;
  for (let bit = 0; bit < bits; bit += 1) {
    const green = row[Math.floor((x + (bit + 0.5) * cellPixels) * scale) * 4 + 1] ?? 128;
    if (green > 90 && green < 165) return null;
    value = value * 2 + (green >= 165 ? 1 : 0);
  }
  return value;
}

/** hls.js behind the page's interface. */

import type HlsPlayer from 'hls.js';
import type { BufferCreatedData, ErrorData } from 'hls.js';
import { HLS_PRESET } from '../presets.ts';
import { type Driver, type DriverOptions, EDGE_HEADER, hostOf, renditionLabel, type Rendition } from './driver.ts';
import { heldRange, holdsEnoughToStart, noteHeldSegments } from './held-segments.ts';
import { hlsWorkerUrl, loadHls } from './libraries.ts';
import { noteQueuedVideo, type VideoQueue } from './queued-video.ts';

export async function startHls({ video, url, onError }: DriverOptions): Promise<Driver> {
  const Hls = await loadHls();
  if (!Hls.isSupported()) throw new Error('this browser has no Media Source Extensions');
  const hls = new Hls({ ...HLS_PRESET, workerPath: hlsWorkerUrl() });
  let edge: string | null = null;
  const note = (details: unknown, answeredUrl: string): void => {
    edge = edgeHeader(details) ?? hostOf(answeredUrl);
  };
  hls.on(Hls.Events.LEVEL_LOADED, (_, data) => note(data.networkDetails, data.details.url));
  hls.on(Hls.Events.FRAG_LOADED, (_, data) => note(data.networkDetails, data.frag.url));
  let tracks: BufferCreatedData['tracks'] = {};
  hls.on(Hls.Events.BUFFER_CREATED, (_, created) => {
    ({ tracks } = created);
  });
  hls.on(Hls.Events.LEVEL_UPDATED, (_, { details }) => {
    noteHeldSegments(details, 'video', heldRange(video, tracks.video?.buffer));
  });
  hls.on(Hls.Events.AUDIO_TRACK_UPDATED, (_, { details }) => {
    noteHeldSegments(details, 'audio', heldRange(video, tracks.audio?.buffer));
  });
  hls.on(Hls.Events.BUFFER_APPENDING, (_, data) => noteQueuedVideo(videoQueueOf(hls), data));
  hls.on(Hls.Events.ERROR, (_, data) => onError(describe(data), data.fatal));
  const ready = enoughToStart(hls, video, Hls.Events);
  hls.loadSource(url);
  hls.attachMedia(video);

  return {
    ready,
    library: hls,
    renditions: () => hls.levels.map((_, index) => rendition(hls, index)).toReversed(),
    choose: (id) => {
      hls.nextLevel = id === null ? -1 : Number(id);
    },
    current: () => (hls.currentLevel < 0 ? null : rendition(hls, hls.currentLevel)),
    latencyMs: (nowMs) => (hls.playingDate === null ? null : nowMs - hls.playingDate.getTime()),
    edge: () => edge,
    destroy: async () => hls.destroy(),
  };
}

/** Not declared as public. */
function videoQueueOf(hls: HlsPlayer): VideoQueue {
  return (hls as unknown as { readonly bufferController: VideoQueue }).bufferController;
}

/** Once the picture can move and go on, or once all is there that there is. */
function enoughToStart(hls: HlsPlayer, video: HTMLVideoElement, events: typeof HlsPlayer.Events): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (holdsEnoughToStart(video)) resolve();
    };
    video.addEventListener('canplay', look);
    hls.on(events.BUFFER_APPENDED, look);
    hls.on(events.BUFFERED_TO_END, () => resolve());
  });
}

function rendition(hls: HlsPlayer, index: number): Rendition {
  const level = hls.levels[index];
  return { id: String(index), label: renditionLabel(level?.height, level?.bitrate ?? 0) };
}

/** hls.js hands over what it fetched with: an XMLHttpRequest, or a Response. */
function edgeHeader(details: unknown): string | null {
  if (details instanceof XMLHttpRequest) return details.getResponseHeader(EDGE_HEADER);
  return details instanceof Response ? details.headers.get(EDGE_HEADER) : null;
}

function describe(data: ErrorData): string {
  const status = data.response?.code;
  return `hls.js: ${data.details}${status ? ` (${status})` : ''}`;
}

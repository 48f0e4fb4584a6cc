/** dash.js behind the page's interface. */

import type { MediaPlayerClass, Representation } from 'dashjs';
import { DASH_PRESET, DASH_SILENCE_MS } from '../presets.ts';
import { nowMs } from './clock.ts';
import { type Driver, type DriverOptions, EDGE_HEADER, hostOf, renditionLabel, type Rendition } from './driver.ts';
import { installFetchDeadline } from './fetch-deadline.ts';
import { installFetchResume } from './fetch-resume.ts';
import { loadDash } from './libraries.ts';

export async function startDash({ video, url, onError }: DriverOptions): Promise<Driver> {
  const { MediaPlayer } = await loadDash();
  const player = MediaPlayer().create();
  let edge: string | null = null;
  player.updateSettings(DASH_PRESET);
  player.on(MediaPlayer.events.FRAGMENT_LOADING_COMPLETED, ({ request }: { request?: LoadedFragment }) => {
    // An edge that sends its viewers on still has the initialization segments.
    if (request?.type !== 'MediaSegment') return;
    const headers = player.getDashMetrics() as unknown as FragmentHeaders;
    edge = headers.getLatestFragmentRequestHeaderValueByID(request.mediaType, EDGE_HEADER) ?? hostOf(request.url ?? '');
  });
  player.on(MediaPlayer.events.ERROR, (event: unknown) => {
    // What cannot be had here is had elsewhere, once the picture plays.
    const passes = video.currentTime > 0 && DOWNLOADS.has(codeOf(event));
    onError(describe(event), !passes);
  });
  turnToOtherLocations(player);
  player.initialize(video, url, true);
  const stopWatching = setGoingAgain(player, video);
  // A segment that grows takes two seconds: who sends it is known from its headers on.
  const takeDeadlineAway = installFetchDeadline(DASH_SILENCE_MS, ({ url: answered, headers }) => {
    if (answered.endsWith('.m4s')) edge = headers.get(EDGE_HEADER) ?? hostOf(answered);
  });
  // Outside of the deadline, so that it sees whether the player itself has given up.
  const endResuming = installFetchResume(nowMs);

  const representations = (): Representation[] => player.getRepresentationsByType('video');
  return {
    library: player,
    renditions: () =>
      representations()
        .toSorted((a, b) => b.bandwidth - a.bandwidth)
        .map(rendition),
    choose: (id) => {
      player.updateSettings({ streaming: { abr: { autoSwitchBitrate: { video: id === null } } } });
      if (id !== null) player.setRepresentationForTypeById('video', id);
    },
    current: () => {
      const shown = player.getCurrentRepresentationForType('video');
      return shown === null ? null : rendition(shown);
    },
    latencyMs: () => {
      const seconds = player.getCurrentLiveLatency();
      return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : null;
    },
    edge: () => edge,
    destroy: async () => {
      endResuming();
      takeDeadlineAway();
      stopWatching();
      player.destroy();
    },
  };
}

const WATCH_EVERY_MS = 1_000;
/** Longer than a move to another edge takes, and than a location stays struck out (the steering’s TTL). */
const STANDS_FOR_LOOKS = 5;

/**
 * dash.js asks for nothing more once every location has failed it for one segment: a rung that was shed, an origin that was
 * away. A picture that stands is set going again at the live edge.
 * @returns ends it
 */
function setGoingAgain(player: MediaPlayerClass, video: HTMLVideoElement): () => void {
  let lastS = 0;
  let looks = 0;
  const timer = setInterval(() => {
    looks = video.paused || video.currentTime !== lastS ? 0 : looks + 1;
    lastS = video.currentTime;
    if (lastS === 0 || looks < STANDS_FOR_LOOKS || !player.isDynamic()) return;
    looks = 0;
    player.seekToOriginalLive();
  }, WATCH_EVERY_MS);
  return () => clearInterval(timer);
}

/** `Errors.DOWNLOAD_ERROR_ID_*`: MPD, media, initialization. */
const DOWNLOADS = new Set([25, 27, 28]);

/**
 * dash.js asks again for an MPD where it could not be had, and gives updates up when that fails too. Each try goes to the next
 * of the MPD's locations instead.
 */
function turnToOtherLocations(player: MediaPlayerClass): void {
  let failures = 0;
  player.addRequestInterceptor(async (request) => {
    if (!isMpd(request)) return request;
    const places = player.getAvailableLocations();
    const place = failures === 0 ? undefined : places[failures % places.length];
    failures += 1;
    return place === undefined ? request : { ...request, url: place.url };
  });
  player.addResponseInterceptor(async (response) => {
    if (isMpd(response.request) && response.status === 200) failures = 0;
    return response;
  });
}

function isMpd(request: { readonly customData?: unknown }): boolean {
  return (request.customData as { request?: { type?: string } } | undefined)?.request?.type === 'MPD';
}

/** What is read of a fragment's request. */
interface LoadedFragment {
  readonly type: string | null;
  readonly mediaType: string;
  readonly url: string | null;
}

/** dash.js's own declaration lacks the first parameter. */
interface FragmentHeaders {
  getLatestFragmentRequestHeaderValueByID(type: string, header: string): string | null;
}

function rendition({ id, height, bandwidth }: Representation): Rendition {
  return { id, label: renditionLabel(height, bandwidth) };
}

function codeOf(event: unknown): number {
  const { error } = event as { error?: { code?: number } | string };
  return typeof error === 'object' ? (error.code ?? 0) : 0;
}

function describe(event: unknown): string {
  const { error } = event as { error?: { code?: number; message?: string } | string };
  return `dash.js: ${typeof error === 'string' ? error : (error?.message ?? 'unknown error')}`;
}

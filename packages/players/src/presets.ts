/** How each player is set up to play our streams: what differs from its defaults, and why. */

import type { MediaPlayerSettingClass } from 'dashjs';
import type { HlsConfig } from 'hls.js';

/** A live segment is written while it is read, so it takes its own duration to load; this is well beyond it. */
const SEGMENT_DEADLINE_MS = 5_000;
/** dash.js asks for the growing segment once there is a part of it: the rest of its two seconds, and some. */
const LIVE_SEGMENT_MS = 2_500;
/** An MPD is written at once. */
const MANIFEST_MS = 1_000;
/** Parts come at least this often while a segment grows; a longer silence is an edge in trouble. */
const SILENCE_MS = 1_500;
/** Shaka tries twice before it turns to another edge. */
const SHAKA_SILENCE_MS = 1_000;
/** For what dash.js fetches: see `browser/fetch-deadline.ts`. Its own `fragmentRequestProgressTimeout` stops it for good. */
export const DASH_SILENCE_MS = SILENCE_MS;

/** A playlist that is waited for comes with the next part; a publisher that stutters makes it come later. */
const BLOCKED_MS = 2_500;

/** The first rung is chosen before anything is measured; the players' own guesses of 0.5 and 1 Mb/s begin at the worst. */
const FIRST_GUESS_BITS_PER_SECOND = 5_000_000;

/** How far behind the newest media Shaka begins: some four parts. */
const LIVE_DELAY_SECONDS = 1.5;

/** hls.js: how long it waits for one answer, and that a second try goes elsewhere rather than to the same edge. */
function loadPolicy(firstByteMs: number, wholeMs: number): HlsConfig['fragLoadPolicy'] {
  const once = { maxNumRetry: 0, retryDelayMs: 0, maxRetryDelayMs: 0 };
  const again = { maxNumRetry: 1, retryDelayMs: 100, maxRetryDelayMs: 500 };
  return {
    default: { maxTimeToFirstByteMs: firstByteMs, maxLoadTimeMs: wholeMs, timeoutRetry: once, errorRetry: again },
  };
}

/** hls.js, for the first playlist: the door is asked again, and after as long knows that the edge which it named hangs. */
function doorPolicy(): HlsConfig['manifestLoadPolicy'] {
  const { default: policy } = loadPolicy(BLOCKED_MS, SEGMENT_DEADLINE_MS);
  return { default: { ...policy, timeoutRetry: { maxNumRetry: 2, retryDelayMs: 0, maxRetryDelayMs: 0 } } };
}

/** hls.js. */
export const HLS_PRESET: Partial<HlsConfig> = {
  lowLatencyMode: true,
  // Without it a player that fell behind stays behind: 1.5 s instead of 2.7 s from glass to glass.
  maxLiveSyncPlaybackRate: 1.1,
  abrEwmaDefaultEstimate: FIRST_GUESS_BITS_PER_SECOND,
  backBufferLength: 30,
  // The defaults wait 10 s on an edge that hangs, and then ask it again.
  fragLoadPolicy: loadPolicy(SILENCE_MS, SEGMENT_DEADLINE_MS),
  manifestLoadPolicy: doorPolicy(),
  playlistLoadPolicy: loadPolicy(BLOCKED_MS, BLOCKED_MS),
  steeringManifestLoadPolicy: loadPolicy(SILENCE_MS, SILENCE_MS),
};

/** dash.js. */
export const DASH_PRESET: MediaPlayerSettingClass = {
  streaming: {
    // The defaults wait 14–20 s on an edge that hangs, and at low latency try each request five times as often.
    fragmentRequestTimeout: LIVE_SEGMENT_MS,
    manifestRequestTimeout: MANIFEST_MS,
    retryAttempts: { MediaSegment: 0, InitializationSegment: 0, MPD: 4, lowLatencyMultiplyFactor: 1 },
    retryIntervals: { MediaSegment: 100, InitializationSegment: 100, MPD: 200, lowLatencyReductionFactor: 1 },
    buffer: { bufferToKeep: 30 },
  },
};

/** Shaka Player, as its `configure` takes it. */
export const SHAKA_PRESET = {
  // It hears of bytes by sixteen thousand: a second of sound, which it would take for an edge that has fallen silent.
  networking: { minBytesForProgressEvents: 0 },
  abr: { defaultBandwidthEstimate: FIRST_GUESS_BITS_PER_SECOND },
  manifest: {
    // An MPD without a suggested delay makes Shaka begin 1.5 × minBufferTime behind, half a second, and stall at a hiccup.
    // A suggested one would be added on top of the latency that the service description asks for.
    defaultPresentationDelay: LIVE_DELAY_SECONDS,
    dash: { ignoreSuggestedPresentationDelay: true },
    retryParameters: { timeout: MANIFEST_MS, connectionTimeout: MANIFEST_MS, baseDelay: 100, maxAttempts: 4 },
  },
  streaming: {
    lowLatencyMode: true,
    liveSync: { enabled: true, maxPlaybackRate: 1.1 },
    bufferBehind: 30,
    // Each try goes to the next location.
    retryParameters: {
      timeout: SEGMENT_DEADLINE_MS,
      connectionTimeout: SHAKA_SILENCE_MS,
      stallTimeout: SHAKA_SILENCE_MS,
      baseDelay: 100,
    },
  },
};

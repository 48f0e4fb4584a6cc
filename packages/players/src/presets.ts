/** How each player is set up to play our streams: what differs from its defaults, and why. */

import type { MediaPlayerSettingClass } from 'dashjs';
import type { HlsConfig } from 'hls.js';

/** A live segment is written while it is read, so it takes its own duration to load; this is well beyond it. */
const SEGMENT_DEADLINE_MS = 5_000;
/** Parts come at least this often while a segment grows; a longer silence is an edge in trouble. */
const SILENCE_MS = 1_500;

/** The first rung is chosen before anything is measured; the players' own guesses of 0.5 and 1 Mb/s begin at the worst. */
const FIRST_GUESS_BITS_PER_SECOND = 5_000_000;

/** How far behind the newest media Shaka begins: some four parts. */
const LIVE_DELAY_SECONDS = 1.5;

/** hls.js. */
export const HLS_PRESET: Partial<HlsConfig> = {
  lowLatencyMode: true,
  // Without it a player that fell behind stays behind: 1.5 s instead of 2.7 s from glass to glass.
  maxLiveSyncPlaybackRate: 1.1,
  abrEwmaDefaultEstimate: FIRST_GUESS_BITS_PER_SECOND,
  backBufferLength: 30,
};

/** dash.js. */
export const DASH_PRESET: MediaPlayerSettingClass = {
  streaming: {
    // The defaults wait 14–20 s on an edge that hangs.
    fragmentRequestTimeout: SEGMENT_DEADLINE_MS,
    fragmentRequestProgressTimeout: SILENCE_MS,
    retryAttempts: { MediaSegment: 1 },
    buffer: { bufferToKeep: 30 },
  },
};

/** Shaka Player, as its `configure` takes it. */
export const SHAKA_PRESET = {
  abr: { defaultBandwidthEstimate: FIRST_GUESS_BITS_PER_SECOND },
  manifest: {
    // An MPD without a suggested delay makes Shaka begin 1.5 × minBufferTime behind, half a second, and stall at a hiccup.
    // A suggested one would be added on top of the latency that the service description asks for.
    defaultPresentationDelay: LIVE_DELAY_SECONDS,
    dash: { ignoreSuggestedPresentationDelay: true },
  },
  streaming: {
    lowLatencyMode: true,
    liveSync: { enabled: true, maxPlaybackRate: 1.1 },
    bufferBehind: 30,
    retryParameters: { timeout: SEGMENT_DEADLINE_MS, stallTimeout: SILENCE_MS },
  },
};

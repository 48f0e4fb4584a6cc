/** dash.js behind the page's interface. */

import type { Representation } from 'dashjs';
import { DASH_PRESET } from '../presets.ts';
import { type Driver, type DriverOptions, EDGE_HEADER, hostOf, renditionLabel, type Rendition } from './driver.ts';
import { loadDash } from './libraries.ts';

export async function startDash({ video, url, onError }: DriverOptions): Promise<Driver> {
  const { MediaPlayer } = await loadDash();
  const player = MediaPlayer().create();
  let host: string | null = null;
  player.updateSettings(DASH_PRESET);
  player.on(MediaPlayer.events.FRAGMENT_LOADING_COMPLETED, (event: { request?: { url?: string | null } }) => {
    host = hostOf(event.request?.url ?? '');
  });
  player.on(MediaPlayer.events.ERROR, (event: unknown) => onError(describe(event), true));
  player.initialize(video, url, true);

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
    edge: () =>
      (player.getDashMetrics() as unknown as FragmentHeaders).getLatestFragmentRequestHeaderValueByID(
        'video',
        EDGE_HEADER,
      ) ?? host,
    destroy: async () => player.destroy(),
  };
}

/** dash.js's own declaration lacks the first parameter. */
interface FragmentHeaders {
  getLatestFragmentRequestHeaderValueByID(type: 'video', header: string): string | null;
}

function rendition({ id, height, bandwidth }: Representation): Rendition {
  return { id, label: renditionLabel(height, bandwidth) };
}

function describe(event: unknown): string {
  const { error } = event as { error?: { code?: number; message?: string } | string };
  return `dash.js: ${typeof error === 'string' ? error : (error?.message ?? 'unknown error')}`;
}

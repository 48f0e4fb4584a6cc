/** Shaka Player behind the page's interface. */

import type shaka from 'shaka-player';
import { SHAKA_PRESET } from '../presets.ts';
import { type Driver, type DriverOptions, EDGE_HEADER, hostOf, renditionLabel, type Rendition } from './driver.ts';
import { loadShaka } from './libraries.ts';
import { segmentResumer } from './resume-segments.ts';

export async function startShaka({ video, url, onError }: DriverOptions): Promise<Driver> {
  const library = await loadShaka();
  library.polyfill.installAll();
  if (!library.Player.isBrowserSupported()) throw new Error('this browser has no Media Source Extensions');
  const player = new library.Player();
  let edge: string | null = null;
  await player.attach(video);
  player.configure(SHAKA_PRESET);
  const { SEGMENT } = library.net.NetworkingEngine.RequestType;
  const resume = segmentResumer();
  player.getNetworkingEngine()?.registerRequestFilter((type, request) => {
    if (type === SEGMENT) resume(request);
  });
  // A segment that grows takes two seconds: who sends it is known from its headers on.
  player.addEventListener('downloadheadersreceived', (event) => {
    const { headers, request, requestType } = event as unknown as HeadersReceived;
    if (requestType !== SEGMENT) return;
    edge = headers[EDGE_HEADER] ?? hostOf(request.uris[0] ?? '');
  });
  player.addEventListener('error', (event) => {
    const { detail } = event as unknown as { detail: shaka.util.Error };
    onError(describe(detail), detail.severity === CRITICAL);
  });
  // Reported and not thrown: by now the page holds this driver, and starts another when it fails.
  player.load(url).catch((error: shaka.util.Error) => {
    if (error.code !== LOAD_INTERRUPTED) onError(describe(error), true);
  });

  const tracks = (): shaka.extern.Track[] => player.getVariantTracks().toSorted((a, b) => b.bandwidth - a.bandwidth);
  return {
    library: player,
    renditions: () => tracks().map(rendition),
    choose: (id) => {
      player.configure({ abr: { enabled: id === null } });
      const chosen = tracks().find((track) => String(track.id) === id);
      if (chosen !== undefined) player.selectVariantTrack(chosen);
    },
    current: () =>
      tracks()
        .filter((track) => track.active)
        .map(rendition)[0] ?? null,
    latencyMs: (nowMs) => {
      const shown = player.isLive() ? player.getPlayheadTimeAsDate() : null;
      return shown === null ? null : nowMs - shown.getTime();
    },
    edge: () => edge,
    destroy: () => player.destroy(),
  };
}

/** What Shaka's own declarations leave out of `shaka.Player.DownloadHeadersReceived`. */
interface HeadersReceived {
  readonly headers: Readonly<Record<string, string>>;
  readonly request: { readonly uris: readonly string[] };
  readonly requestType: shaka.net.NetworkingEngine.RequestType;
}

/** `shaka.util.Error.Severity.CRITICAL` */
const CRITICAL = 2;
/** `shaka.util.Error.Code.LOAD_INTERRUPTED`: another load or the end took this one's place */
const LOAD_INTERRUPTED = 7000;

function rendition(track: shaka.extern.Track): Rendition {
  return { id: String(track.id), label: renditionLabel(track.height, track.bandwidth) };
}

function describe(error: shaka.util.Error): string {
  const [first, second] = error.data as unknown[];
  const status = typeof second === 'number' ? `, ${second}` : '';
  return `Shaka Player: error ${error.code}${typeof first === 'string' ? status : ''}`;
}

/**
 * Viewers, for k6: each goes through the door with one session link, and then plays as a plain HLS player does: the playlist
 * every target duration, each new segment of picture and sound, a buffer that runs dry or does not.
 *
 *     k6 run -e LINK="$(…urls.hls of POST /v1/tokens…)" -e VIEWERS=200 -e SECONDS=60 loadtest/scenarios/viewer.ts
 *
 * k6 is a program of its own, not an npm package: `go install go.k6.io/k6@latest`, or see grafana.com/docs/k6.
 */

import { check, sleep } from 'k6';
import http, { type RefinedResponse } from 'k6/http';
import { Counter, Rate, Trend } from 'k6/metrics';
import type { Options } from 'k6/options';

const LINK = __ENV['LINK'] ?? '';
const VIEWERS = Number(__ENV['VIEWERS'] ?? 10);
const SECONDS = Number(__ENV['SECONDS'] ?? 30);
const RAMP_SECONDS = 5;
/** A segment's and a playlist's own deadline, as the players have one. */
const DEADLINE = '8s';
/** How far behind the newest segment a viewer begins (RFC 8216 §6.3.3). */
const BEGIN_BEHIND = 3;
const LEAST_SEGMENTS = 3;

const segments = new Counter('segments');
const segmentMs = new Trend('segment_ms', true);
const firstByteMs = new Trend('segment_first_byte_ms', true);
const startMs = new Trend('start_ms', true);
const stalledRate = new Rate('viewers_stalled');
const refused = new Counter('refused');

// A trend or a rate without samples passes its threshold, so the counts have thresholds, too.
export const options: Options = {
  scenarios: {
    viewers: {
      executor: 'ramping-vus',
      startVUs: 0,
      stages: [
        { duration: `${RAMP_SECONDS}s`, target: VIEWERS },
        { duration: `${SECONDS}s`, target: VIEWERS },
      ],
      // Longer than a session, so that none is cut short.
      gracefulStop: `${SECONDS + 20}s`,
      gracefulRampDown: '0s',
    },
  },
  thresholds: {
    segments: [`count>=${VIEWERS * LEAST_SEGMENTS}`],
    segment_first_byte_ms: ['p(99)<500'],
    start_ms: ['p(95)<2000'],
    viewers_stalled: ['rate<0.01'],
    refused: ['count==0'],
  },
};

interface Playlist {
  readonly targetSeconds: number;
  readonly init: string | null;
  readonly segments: readonly { readonly number: number; readonly url: string; readonly seconds: number }[];
}

/** One viewer's session: k6 calls it again and again for each virtual user. */
// oxlint-disable-next-line import/no-default-export -- k6 runs the default export
export default function watch(): void {
  const openedMs = Date.now();
  const master = get(LINK.replace(/master\.m3u8/, 'classic.m3u8'), 'master');
  if (master === null) return sleep(1);
  const [video, audio] = renditions(master);
  const tracks = [video, audio].filter((url) => url !== null).map((url) => ({ url, next: 0 }));
  let bufferedS = 0;
  let playingSinceMs = 0;
  let stalled = false;
  while (Date.now() - openedMs < SECONDS * 1000) {
    let fetchedS = 0;
    let targetSeconds = 2;
    for (const track of tracks) {
      const text = get(track.url, 'playlist');
      if (text === null) continue;
      const playlist = parse(bodyOf(text), track.url);
      targetSeconds = playlist.targetSeconds;
      const begins = track.next === 0;
      if (begins) {
        track.next = playlist.segments.at(-BEGIN_BEHIND)?.number ?? playlist.segments[0]?.number ?? 0;
        if (playlist.init !== null) get(playlist.init, 'init');
      }
      for (const segment of playlist.segments.filter(({ number }) => number >= track.next)) {
        const answer = get(segment.url, 'segment');
        if (answer === null) continue;
        segments.add(1);
        segmentMs.add(answer.timings.duration);
        firstByteMs.add(answer.timings.waiting);
        if (track === tracks[0]) fetchedS += segment.seconds;
        track.next = segment.number + 1;
      }
    }
    if (playingSinceMs === 0 && fetchedS > 0) {
      playingSinceMs = Date.now();
      startMs.add(playingSinceMs - openedMs);
    }
    bufferedS += fetchedS;
    if (playingSinceMs > 0 && (Date.now() - playingSinceMs) / 1000 > bufferedS) {
      stalled = true;
      playingSinceMs = Date.now() - bufferedS * 1000;
    }
    sleep(targetSeconds / 2);
  }
  stalledRate.add(stalled);
}

type Answer = RefinedResponse<'text' | 'binary'>;

/** The answer, or null after one that is no 200; both are counted. Media is taken as bytes and thrown away. */
function get(url: string, kind: 'master' | 'playlist' | 'init' | 'segment'): Answer | null {
  const responseType = kind === 'segment' || kind === 'init' ? 'none' : 'text';
  const answer = http.get(url, { responseType, timeout: DEADLINE, tags: { kind, name: kind } }) as Answer;
  const good = check(answer, { [`${kind} is there`]: ({ status }) => status === 200 });
  if (!good) refused.add(1, { kind, status: String(answer.status) });
  return good ? answer : null;
}

function bodyOf(answer: Answer): string {
  return typeof answer.body === 'string' ? answer.body : '';
}

/** The URLs of the highest rung and of the sound; relative ones are below the edge that the door chose. */
function renditions(master: Answer): [video: string, audio: string | null] {
  const body = bodyOf(master);
  const video = body.split('\n').find((line) => line !== '' && !line.startsWith('#')) ?? '';
  const audio = /#EXT-X-MEDIA:TYPE=AUDIO[^\n]*URI="([^"]+)"/.exec(body)?.[1];
  return [below(master.url, video), audio === undefined ? null : below(master.url, audio)];
}

function parse(text: string, url: string): Playlist {
  const first = Number(/#EXT-X-MEDIA-SEQUENCE:(\d+)/.exec(text)?.[1] ?? 0);
  const init = /#EXT-X-MAP:URI="([^"]+)"/.exec(text)?.[1];
  const found = [...text.matchAll(/#EXTINF:([\d.]+),[^\n]*\n(?:#[^\n]*\n)*([^#\n][^\n]*)/g)];
  return {
    targetSeconds: Number(/#EXT-X-TARGETDURATION:(\d+)/.exec(text)?.[1] ?? 2),
    init: init === undefined ? null : below(url, init),
    segments: found.map(([, seconds, path], index) => ({
      number: first + index,
      url: below(url, path ?? ''),
      seconds: Number(seconds),
    })),
  };
}

/** k6 has no URL class; our playlists name what is beside or below them. */
function below(url: string, path: string): string {
  return url.replace(/[^/]*(?:\?.*)?$/, '') + path;
}

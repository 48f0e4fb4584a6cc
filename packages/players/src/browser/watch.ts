/** The watch page: plays one stream with the player of the viewer's choice, and says how that goes. */

import { nowMs } from './clock.ts';
import { findComplaint } from './complaints.ts';
import { startDash } from './dash-driver.ts';
import type { Driver, DriverOptions } from './driver.ts';
import { startHls } from './hls-driver.ts';
import { takePanel } from './panel.ts';
import { startShaka } from './shaka-driver.ts';
import { countStalls } from './stalls.ts';

/** What is told to tests and to the console, as `headwater.stats()`. */
export interface Stats {
  readonly player: string;
  readonly currentTime: number;
  readonly latencyMs: number | null;
  readonly rendition: string | null;
  readonly edge: string | null;
  readonly bufferSeconds: number;
  readonly stalls: number;
  readonly decodedFrames: number;
  readonly droppedFrames: number;
  /** the newest, at most {@link ERROR_LIMIT} */
  readonly errors: readonly string[];
}

interface Player {
  readonly manifest: string;
  readonly start: (options: DriverOptions) => Promise<Driver>;
  /** dash.js listens for `play` once it has a stream: one that comes before leaves it without MPD updates and steering */
  readonly playsByItself?: true;
}

type PlayerName = 'hls' | 'hls-classic' | 'hls-ts' | 'dash' | 'shaka';

const PLAYERS: Readonly<Record<PlayerName, Player>> = {
  hls: { manifest: 'master.m3u8', start: startHls },
  'hls-classic': { manifest: 'classic.m3u8', start: startHls },
  'hls-ts': { manifest: 'ts.m3u8', start: startHls },
  dash: { manifest: 'manifest.mpd', start: startDash, playsByItself: true },
  shaka: { manifest: 'manifest.mpd', start: startShaka },
};
const DEFAULT_PLAYER: PlayerName = 'hls';

const ERROR_LIMIT = 20;
const REFRESH_MS = 250;
const RETRY_MS = 2_000;

const panel = takePanel({ onPlayer: (name) => void play(known(name)), onRendition: (id) => driver?.choose(id) });
const { video, stream } = panel;
const stalls = countStalls(video);
const errors: string[] = [];

let playerName: PlayerName = DEFAULT_PLAYER;
let driver: Driver | null = null;
/** Grows with every start, so that what an older one still reports is known as past. */
let turn = 0;
/** the newest turn that failed */
let failedTurn = 0;

/** Where the chosen player begins: the door, with the token and all else that this page's own URL carries. */
function doorUrl(player: Player): string {
  const url = new URL(`/live/${stream}/${player.manifest}`, location.href);
  for (const [name, value] of new URLSearchParams(location.search)) {
    if (name !== 'player') url.searchParams.append(name, value);
  }
  return url.href;
}

async function play(name: PlayerName): Promise<void> {
  const mine = ++turn;
  const player = PLAYERS[name];
  playerName = name;
  panel.mark(name);
  panel.say(null);
  panel.offer([]);
  stalls.reset();
  await dropDriver();
  const url = doorUrl(player);
  const onError = (what: string, fatal: boolean): void => {
    if (mine !== turn) return;
    errors.push(what);
    errors.splice(0, errors.length - ERROR_LIMIT);
    // A failing player may go on to complain for as long as it is there.
    if (!fatal || mine === failedTurn) return;
    failedTurn = mine;
    void recover(url, mine);
  };
  try {
    const started = await player.start({ video, url, onError });
    if (mine !== turn) return await started.destroy();
    driver = started;
    await started.ready;
    if (mine === turn && player.playsByItself !== true) await video.play();
  } catch (error) {
    // Interrupted by the next choice, or kept from starting by the browser: then the viewer presses play.
    const name = error instanceof Error ? error.name : '';
    if (name === 'AbortError' || name === 'NotAllowedError') return;
    if (mine === turn) panel.say(`This player cannot start: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function dropDriver(): Promise<void> {
  const former = driver;
  driver = null;
  await former?.destroy();
}

/** Says what is wrong, and starts again when that can help. */
async function recover(url: string, failed: number): Promise<void> {
  const complaint = await findComplaint(url);
  if (failed !== turn) return;
  panel.say(complaint.text);
  if (!complaint.passes) return dropDriver();
  setTimeout(() => {
    if (failed === turn) void play(playerName);
  }, RETRY_MS);
}

/** The player of that name, or the default one. */
function known(name: string | null): PlayerName {
  return name !== null && name in PLAYERS ? (name as PlayerName) : DEFAULT_PLAYER;
}

function bufferSeconds(): number {
  for (let index = 0; index < video.buffered.length; index += 1) {
    const end = video.buffered.end(index);
    if (video.buffered.start(index) <= video.currentTime + 0.1 && end > video.currentTime)
      return end - video.currentTime;
  }
  return 0;
}

function stats(): Stats {
  const quality = video.getVideoPlaybackQuality();
  return {
    player: playerName,
    currentTime: video.currentTime,
    latencyMs: driver?.latencyMs(nowMs()) ?? null,
    rendition: driver?.current()?.label ?? null,
    edge: driver?.edge() ?? null,
    bufferSeconds: bufferSeconds(),
    stalls: stalls.count,
    decodedFrames: quality.totalVideoFrames,
    droppedFrames: quality.droppedVideoFrames,
    errors: [...errors],
  };
}

setInterval(() => {
  panel.offer(driver?.renditions() ?? []);
  panel.show({ ...stats(), playing: !video.paused && video.readyState > HTMLMediaElement.HAVE_CURRENT_DATA });
}, REFRESH_MS);
video.addEventListener('playing', () => panel.say(null));

Object.assign(globalThis, {
  headwater: {
    get player() {
      return driver?.library;
    },
    video,
    stats,
  },
});
void play(known(new URLSearchParams(location.search).get('player')));

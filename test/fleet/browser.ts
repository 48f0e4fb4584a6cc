/** A real browser on the watch page, and what it sees there. */

import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { CLOCK_BAR } from '@headwater/cli/src/test-picture.ts';
import { chromium, type Browser, type Page } from 'playwright-core';
import { CHROMIUM } from './config.ts';
import { until } from './until.ts';

/** The players of the watch page. */
export type PlayerName = 'hls' | 'hls-classic' | 'hls-ts' | 'dash' | 'shaka';

/** One look at a frame on screen. */
interface FrameSample {
  /** Unix time in ms at which the frame was shown */
  readonly atMs: number;
  /** the clock in its pixels; null when it could not be read */
  readonly clock: number | null;
  readonly mediaTime: number;
  readonly presented: number;
}

/** What the page tells of itself. */
interface PageStats {
  readonly currentTime: number;
  readonly decodedFrames: number;
  readonly droppedFrames: number;
  readonly bufferSeconds: number;
  readonly stalls: number;
  readonly rendition: string | null;
  readonly edge: string | null;
  readonly errors: readonly string[];
}

/** What was seen since the page was opened. */
export interface Seen {
  readonly stats: PageStats;
  /** from the start of navigation to the first frame on screen */
  readonly firstFrameMs: number;
  /** what was in the buffer ahead of the picture when it was first told to play */
  readonly startAheadS: number;
  /** times of the video's `waiting` events after the first frame, in ms since navigation */
  readonly waits: readonly number[];
  /** times without a new frame, beyond 80 ms: when they ended, in Unix time, and how long they were */
  readonly freezes: readonly { readonly atMs: number; readonly ms: number }[];
  readonly samples: readonly FrameSample[];
}

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
  '--mute-audio',
];

const PROBE = stripTypeScriptTypes(readFileSync(join(import.meta.dirname, '../page/frame-probe.ts'), 'utf8'));

/** Starts a browser; disposing it ends it. @param more further flags */
export async function startBrowser(more: readonly string[] = []): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, ...more], headless: true });
}

/** A watch page that is open. */
export interface WatchPage extends AsyncDisposable {
  readonly page: Page;
  /** every answer with a status of 400 or more: `STATUS PATH` */
  readonly refused: readonly string[];
  /** Waits until the first frame is on screen. */
  playing(deadlineMs: number): Promise<void>;
  /** seconds; cheap to ask often */
  currentTime(): Promise<number>;
  seen(): Promise<Seen>;
}

/** Opens a watch link with one of its players. `onRequest` hears of every URL that the page asks for. */
export async function openWatchPage(
  browser: Browser,
  watchUrl: string,
  options: { readonly player: PlayerName; readonly onRequest?: (url: string) => void },
): Promise<WatchPage> {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.addInitScript({ content: `globalThis.CLOCK_BAR = ${JSON.stringify(CLOCK_BAR)};` });
  await page.addInitScript({ content: PROBE });
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  const refused: string[] = [];
  page.on('response', (response) => {
    if (response.status() >= 400) refused.push(`${response.status()} ${new URL(response.url()).pathname}`);
  });
  page.on('request', (request) => options.onRequest?.(request.url()));
  const url = new URL(watchUrl);
  url.searchParams.set('player', options.player);
  await page.goto(url.href, { waitUntil: 'commit' });
  const seen = (): Promise<Seen> => page.evaluate<Seen>('({ ...frameProbe, stats: headwater.stats() })');
  return {
    page,
    refused,
    currentTime: () => page.evaluate<number>('headwater.stats().currentTime'),
    seen,
    async playing(deadlineMs) {
      await until(`${options.player} to show a frame`, deadlineMs, async () => {
        return (await page.evaluate<number | null>('globalThis.frameProbe?.firstFrameMs ?? null')) !== null;
      }).catch(async (cause: unknown) => {
        const stats = await page.evaluate('globalThis.headwater?.stats()');
        const told = JSON.stringify({ complaints, refused, stats });
        throw new Error(`${options.player} never played: ${told}`, { cause });
      });
    },
    [Symbol.asyncDispose]: () => context.close(),
  };
}

/** The watch page and every file it needs, read once and kept in memory: what a server of ours hands out. */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/** An answer's body and headers; the status is 200. */
export interface PageAnswer {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly headers: Readonly<Record<string, string>>;
}

export interface WatchPage {
  /** The page that plays a stream; the name must already be checked. */
  show(stream: string): PageAnswer;
  /** A file below {@link PAGE_FILES_ROOT}, or null. */
  file(path: string, acceptsGzip: boolean): Promise<PageAnswer | null>;
}

/** Where the page's files are served. Their URLs carry a digest of them all, so they may be kept for ever. */
export const PAGE_FILES_ROOT = '/players/';

/** Path below the digest → what is served there. The browser's modules import each other by these same relative paths. */
const FILES: Readonly<Record<string, string>> = {
  'presets.ts': '@headwater/players/presets',
  'browser/watch.ts': '@headwater/players/browser/watch.ts',
  'browser/panel.ts': '@headwater/players/browser/panel.ts',
  'browser/driver.ts': '@headwater/players/browser/driver.ts',
  'browser/hls-driver.ts': '@headwater/players/browser/hls-driver.ts',
  'browser/dash-driver.ts': '@headwater/players/browser/dash-driver.ts',
  'browser/shaka-driver.ts': '@headwater/players/browser/shaka-driver.ts',
  'browser/fetch-deadline.ts': '@headwater/players/browser/fetch-deadline.ts',
  'browser/fetch-resume.ts': '@headwater/players/browser/fetch-resume.ts',
  'browser/held-segments.ts': '@headwater/players/browser/held-segments.ts',
  'browser/resume-segments.ts': '@headwater/players/browser/resume-segments.ts',
  'browser/queued-video.ts': '@headwater/players/browser/queued-video.ts',
  'browser/libraries.ts': '@headwater/players/browser/libraries.ts',
  'browser/stalls.ts': '@headwater/players/browser/stalls.ts',
  'browser/clock.ts': '@headwater/players/browser/clock.ts',
  'browser/complaints.ts': '@headwater/players/browser/complaints.ts',
  'browser/watch.css': '@headwater/players/browser/watch.css',
  'lib/hls.mjs': 'hls.js/dist/hls.min.mjs',
  'lib/hls.worker.js': 'hls.js/dist/hls.worker.js',
  'lib/dash.js': 'dashjs',
  'lib/shaka.js': 'shaka-player/dist/shaka-player.compiled-es2021.js',
};
const TEMPLATE = '@headwater/players/browser/watch.html';

/** Edges stand on hosts that this page cannot know; the rest comes from here, and nothing is inline. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "worker-src 'self' blob:",
  'media-src blob: http: https:',
  'connect-src http: https:',
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

interface Kept {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly type: string;
  gzipped: Promise<Uint8Array<ArrayBuffer>> | undefined;
}

/** Reads all files. Takes some 50 ms; do it once, at start. */
export async function loadWatchPage(): Promise<WatchPage> {
  const files = new Map<string, Kept>();
  const digest = createHash('sha256');
  for (const [path, specifier] of Object.entries(FILES)) {
    const body = await readSource(specifier);
    digest.update(path).update(body);
    files.set(path, { body, type: path.endsWith('.css') ? 'text/css' : 'text/javascript', gzipped: undefined });
  }
  const base = `${PAGE_FILES_ROOT}${digest.digest('hex').slice(0, 16)}/`;
  const template = new TextDecoder().decode(await readSource(TEMPLATE)).replaceAll('{{base}}', base);
  return {
    show: (stream) => ({ body: Buffer.from(template.replaceAll('{{stream}}', stream)), headers: PAGE_HEADERS }),
    async file(path, acceptsGzip) {
      const kept = path.startsWith(base) ? files.get(path.slice(base.length)) : undefined;
      return kept === undefined ? null : answerFile(kept, acceptsGzip);
    },
  };
}

const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-cache',
  'content-security-policy': CONTENT_SECURITY_POLICY,
  // The page's own URL carries a viewer's token.
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

async function answerFile(kept: Kept, acceptsGzip: boolean): Promise<PageAnswer> {
  const headers = {
    'content-type': `${kept.type}; charset=utf-8`,
    'cache-control': 'public, max-age=31536000, immutable',
    'x-content-type-options': 'nosniff',
    vary: 'accept-encoding',
  };
  if (!acceptsGzip) return { body: kept.body, headers };
  kept.gzipped ??= promisify(gzip)(kept.body);
  return { body: await kept.gzipped, headers: { ...headers, 'content-encoding': 'gzip' } };
}

async function readSource(specifier: string): Promise<Uint8Array<ArrayBuffer>> {
  const url = import.meta.resolve(specifier);
  const body = await readFile(new URL(url));
  return url.endsWith('.ts') ? Buffer.from(stripTypeScriptTypes(body.toString())) : body;
}

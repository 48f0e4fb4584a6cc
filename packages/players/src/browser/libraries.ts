/** Fetches a player's library when it is first chosen, so that nobody waits for the other two. */

import type * as dashModule from 'dashjs';
import type Hls from 'hls.js';
import type * as hlsModule from 'hls.js';
import type shaka from 'shaka-player';

/** hls.js, as its module exports it. */
export async function loadHls(): Promise<typeof Hls> {
  const module = (await import(libraryUrl('hls.mjs'))) as typeof hlsModule;
  return module.default;
}

/** hls.js demultiplexes in this worker. */
export function hlsWorkerUrl(): string {
  return libraryUrl('hls.worker.js');
}

/** dash.js, as its module exports it. */
export async function loadDash(): Promise<typeof dashModule> {
  return (await import(libraryUrl('dash.js'))) as typeof dashModule;
}

type Shaka = typeof shaka;

/** Shaka Player, which is a classic script that sets a global. */
export async function loadShaka(): Promise<Shaka> {
  const scope = globalThis as { shaka?: Shaka };
  if (scope.shaka !== undefined) return scope.shaka;
  const script = document.createElement('script');
  script.src = libraryUrl('shaka.js');
  await new Promise((resolve, reject) => {
    script.addEventListener('load', resolve);
    script.addEventListener('error', () => reject(new Error('Shaka Player could not be loaded')));
    document.head.append(script);
  });
  if (scope.shaka === undefined) throw new Error('Shaka Player did not start');
  return scope.shaka;
}

function libraryUrl(file: string): string {
  return new URL(`../lib/${file}`, import.meta.url).href;
}

/** A viewer: a session token, and the place on an edge that the door sent it to. */

import type { ControlApi, CreatedToken } from './control-api.ts';

/** A viewer with a token, already let in by the door. */
export interface Viewer extends CreatedToken {
  /** `/t/TOKEN/live/STREAM`, good on every edge */
  readonly path: string;
  /** the edge that the door chose */
  readonly edgeUrl: string;
}

/**
 * Mints a session token and asks geo with it.
 * @throws Error when the answer is not a redirect to an edge
 */
export async function admit(api: ControlApi, stream: string, ttlSeconds: number): Promise<Viewer> {
  const token = await api.createToken({ stream, ttlSeconds });
  const response = await fetch(token.urls.hls, { redirect: 'manual', signal: AbortSignal.timeout(2_000) });
  const text = await response.text();
  const location = response.headers.get('location');
  if (response.status !== 307 || location === null) throw new Error(`the door answered ${response.status} ${text}`);
  const target = new URL(location, token.urls.hls);
  return { ...token, edgeUrl: target.origin, path: target.pathname.replace(/\/[^/]+$/, '') };
}

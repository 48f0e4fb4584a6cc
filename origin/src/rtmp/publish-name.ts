/** What a publisher names: the application, the stream and its key. */

import { isStreamName } from '@headwater/protocol/names';
import { MAX_STREAM_KEY_LENGTH } from './rtmp-limits.ts';

/** The one application: `rtmp://HOST:PORT/live/STREAM?key=KEY`. */
const APP = 'live';

/** Whether a connect command's `app` is ours. Encoders leave slashes and the query of the server's URL on it. */
export function isLiveApp(app: string): boolean {
  const [path = ''] = app.split('?', 1);
  // Anchored at both ends: a search for the slashes at the end takes the square of how many there are.
  return path.startsWith(APP) && /^\/*$/.test(path.slice(APP.length));
}

/**
 * Reads the name of a publish command, `STREAM?key=KEY`. An encoder with one field for the server and one for the stream may
 * carry the key in the server's URL instead: `tcUrl` is `rtmp://HOST:PORT/live?key=KEY` then.
 * @returns null when the stream's name or the key cannot be one
 */
export function readPublishName(publishName: string, tcUrl: string): { stream: string; key: string } | null {
  const [stream] = publishName.split('?', 1);
  const key = queryOf(publishName).get('key') ?? queryOf(tcUrl).get('key') ?? '';
  if (!isStreamName(stream) || key.length > MAX_STREAM_KEY_LENGTH) return null;
  return { stream, key };
}

function queryOf(url: string): URLSearchParams {
  const mark = url.indexOf('?');
  return new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
}

/** A client that asks for one URL over and over on streams of HTTP/2 and throws the bodies away. */

import { type ClientHttp2Session, connect } from 'node:http2';
import { once } from 'node:events';
import type { Readings } from './discarding-reader.ts';

interface StreamReaderOptions {
  readonly url: string;
  readonly connections: number;
  /** requests that are out at once on each */
  readonly streams: number;
  readonly seconds: number;
}

/** So wide that the server never waits for this client's word. */
const WINDOW_BYTES = 16 * 1024 * 1024;

/** @throws Error on any answer that is not a 200, or breaks off */
export async function readStreamsOverAndOver(options: StreamReaderOptions): Promise<Readings> {
  const { url, connections, streams, seconds } = options;
  const { origin, pathname } = new URL(url);
  const startedMs = performance.now();
  const untilMs = startedMs + seconds * 1000;
  const total = { requests: 0, bytes: 0 };
  const readOne = async (session: ClientHttp2Session): Promise<void> => {
    while (performance.now() < untilMs) {
      const stream = session.request({ ':path': pathname });
      let status = 0;
      stream.once('response', (head) => (status = Number(head[':status'])));
      stream.on('data', (piece: Buffer) => (total.bytes += piece.length));
      await once(stream, 'close');
      if (status !== 200 || stream.rstCode !== 0) throw new Error(`not a whole 200: ${status}, ${stream.rstCode}`);
      total.requests += 1;
    }
  };
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const session = connect(origin, {
        rejectUnauthorized: false,
        settings: { initialWindowSize: WINDOW_BYTES, enablePush: false },
      });
      await once(session, 'connect');
      session.setLocalWindowSize(WINDOW_BYTES);
      await Promise.all(Array.from({ length: streams }, () => readOne(session)));
      session.destroy();
    }),
  );
  return { ...total, seconds: (performance.now() - startedMs) / 1000 };
}

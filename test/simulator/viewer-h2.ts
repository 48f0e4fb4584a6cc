/** Viewers of a history that speak HTTP/2 over TLS, all on one connection. */

import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { mapOf } from './origin.ts';
import { type Line, type Sending, type Viewer, pairsOf } from './viewer-request.ts';

export class H2Line implements Line {
  #session: ClientHttp2Session | null = null;

  send({ port, outgoing, asked, onActivity, onOver }: Sending): Viewer {
    const { method, isSlow, leavesAtByte } = asked.request;
    const { host, ...fields } = outgoing.fields;
    // RFC 9113 §8.2.1: no white space around them.
    const trimmed = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, value.trim()]));
    const head = { ':method': method, ':path': outgoing.path, ':authority': host, ...trimmed };
    const stream = this.#open(port).request(head, { endStream: outgoing.body === null });
    if (outgoing.body !== null) stream.end(outgoing.body);
    const over = Promise.withResolvers<void>();
    const pieces: Buffer[] = [];
    let length = 0;
    let hasEnded = false;
    stream.on('headers', (interim) => asked.information.push(Number(interim[':status'])));
    stream.on('response', (fieldsByName, _flags, list: string[]) => {
      onActivity();
      asked.status = Number(fieldsByName[':status']);
      asked.answer = mapOf(pairsOf(list));
    });
    stream.on('trailers', (_fields, _flags, list: string[]) => (asked.trailers = mapOf(pairsOf(list))));
    stream.on('data', (piece: Buffer) => {
      onActivity();
      pieces.push(piece);
      length += piece.length;
      if (leavesAtByte === null || length < leavesAtByte) return;
      asked.hasLeft = true;
      stream.close(constants.NGHTTP2_CANCEL);
    });
    stream.on('end', () => (hasEnded = true));
    // What it looks like from here when the edge cuts it is known when it is closed.
    stream.on('error', onActivity);
    stream.once('close', () => {
      asked.body = Buffer.concat(pieces);
      // RFC 9113 §8.1: what is reset is not over.
      asked.isComplete = hasEnded && stream.rstCode === constants.NGHTTP2_NO_ERROR;
      onOver(asked);
      onActivity();
      over.resolve();
    });
    if (isSlow) stream.pause();
    return {
      asked,
      done: over.promise,
      resume: () => void stream.resume(),
      abandon() {
        asked.hasHung = true;
        stream.close(constants.NGHTTP2_CANCEL);
      },
    };
  }

  destroy(): void {
    this.#session?.destroy();
  }

  #open(port: number): ClientHttp2Session {
    const open = this.#session;
    if (open !== null && !open.closed && !open.destroyed) return open;
    const session = connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
    // Its streams tell of it.
    session.on('error', () => undefined);
    this.#session = session;
    return session;
  }
}

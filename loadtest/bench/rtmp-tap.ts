/**
 * A wire between a publisher and an origin that notes when each video frame passed: the moment from which the origin's own
 * latency counts. It reads just as much RTMP as it takes to find messages (Adobe RTMP 1.0, §5.2–5.3).
 */

import { connect, createServer, type Socket } from 'node:net';
import { listen } from '@headwater/service/listen';
import { flvHeader, flvTag } from '@headwater/media/flv/tag';

/** A frame on the wire. */
interface TappedFrame {
  /** Unix time in ms at which its last byte passed */
  readonly atMs: number;
  /** its FLV tag body */
  readonly payload: Uint8Array;
}

/** A tap in use. */
export interface RtmpTap extends AsyncDisposable {
  readonly port: number;
  /** H.264 frames in the order of their passing */
  readonly frames: readonly TappedFrame[];
  /** what passed, as an FLV file */
  toFlv(): Uint8Array;
}

/** Listens and hands everything on to `originPort`. For one publisher. */
export async function startRtmpTap(originPort: number): Promise<RtmpTap> {
  const frames: TappedFrame[] = [];
  let header: Uint8Array = new Uint8Array();
  const sockets = new Set<Socket>();
  const server = createServer((publisher) => {
    const origin = connect(originPort, '127.0.0.1');
    const reader = new MessageReader((payload) => {
      // FLV: frame type and codec (7 is AVC), then 0 for the decoder's configuration and 1 for a frame.
      if ((payload[0] ?? 0) % 16 !== 7) return;
      if (payload[1] === 0) header = payload;
      if (payload[1] === 1) frames.push({ atMs: performance.timeOrigin + performance.now(), payload });
    });
    publisher.on('data', (chunk) => reader.push(chunk));
    publisher.pipe(origin).pipe(publisher);
    for (const socket of [publisher, origin]) {
      sockets.add(socket.setNoDelay(true));
      // Either end may go at any time; the other one hears of it by the pipe's end.
      socket.on('error', () => publisher.destroy());
      socket.once('close', () => sockets.delete(socket));
    }
  });
  const port = await listen(server, { port: 0, host: '127.0.0.1', variable: 'none' });
  return {
    port,
    frames,
    toFlv: () => {
      const tags = frames.map(({ payload }, index) => flvTag('video', index * 33, payload));
      return Buffer.concat([flvHeader({ audio: false, video: true }), flvTag('video', 0, header), ...tags]);
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** C0, C1 and C2. */
const HANDSHAKE_BYTES = 1 + 1536 + 1536;
const SET_CHUNK_SIZE = 1;
const VIDEO = 9;

interface ChunkStream {
  lengthBytes: number;
  type: number;
  extended: boolean;
  readonly parts: Buffer[];
  receivedBytes: number;
}

/** Puts chunks together to messages, of which it tells the video ones. */
class MessageReader {
  readonly #onVideo: (payload: Uint8Array) => void;
  readonly #streams = new Map<number, ChunkStream>();
  #pending: Buffer = Buffer.alloc(0);
  #skipBytes = HANDSHAKE_BYTES;
  #chunkBytes = 128;

  constructor(onVideo: (payload: Uint8Array) => void) {
    this.#onVideo = onVideo;
  }

  push(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const skipped = Math.min(this.#skipBytes, this.#pending.length);
    this.#skipBytes -= skipped;
    this.#pending = this.#pending.subarray(skipped);
    while (this.#pending.length > 0) {
      const taken = this.#chunk(this.#pending);
      if (taken === 0) return;
      this.#pending = this.#pending.subarray(taken);
    }
  }

  /** Reads one chunk; 0 while it is not all there. */
  #chunk(bytes: Buffer): number {
    const first = bytes[0] as number;
    const format = first >> 6;
    const id = first & 63;
    if (id < 2) throw new Error('a chunk stream id that ffmpeg does not use');
    const headerBytes = [11, 7, 3, 0][format] as number;
    if (bytes.length < 1 + headerBytes) return 0;
    const stream = this.#streams.get(id) ?? { lengthBytes: 0, type: 0, extended: false, parts: [], receivedBytes: 0 };
    this.#streams.set(id, stream);
    if (format <= 2) stream.extended = bytes.readUIntBE(1, 3) === 0xff_ffff;
    if (format <= 1) {
      stream.lengthBytes = bytes.readUIntBE(4, 3);
      stream.type = bytes[7] as number;
    }
    const start = 1 + headerBytes + (stream.extended ? 4 : 0);
    const wanted = Math.min(this.#chunkBytes, stream.lengthBytes - stream.receivedBytes);
    if (bytes.length < start + wanted) return 0;
    stream.parts.push(bytes.subarray(start, start + wanted));
    stream.receivedBytes += wanted;
    if (stream.receivedBytes === stream.lengthBytes) this.#message(stream);
    return start + wanted;
  }

  #message(stream: ChunkStream): void {
    const payload = Buffer.concat(stream.parts);
    stream.parts.length = 0;
    stream.receivedBytes = 0;
    if (stream.type === SET_CHUNK_SIZE) this.#chunkBytes = payload.readUInt32BE(0);
    if (stream.type === VIDEO) this.#onVideo(payload);
  }
}

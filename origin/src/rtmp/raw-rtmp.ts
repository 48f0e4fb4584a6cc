/** RTMP bytes written by hand, for tests: well-formed by default, and as hostile as the arguments say. */

import { Buffer } from 'node:buffer';

/** AMF0 values (AMF0 specification §2). */
export type AmfValue = number | string | boolean | null | { readonly [name: string]: AmfValue };

/** C0 and C1 of the plain handshake; C2 may be any 1,536 bytes. */
export const C0_C1 = Buffer.concat([Buffer.of(3), Buffer.alloc(1536)]);
export const C2 = Buffer.alloc(1536);

export function amf0(...values: readonly AmfValue[]): Buffer {
  return Buffer.concat(values.map(amfValue));
}

function amfValue(value: AmfValue): Buffer {
  if (value === null) return Buffer.of(5);
  if (typeof value === 'boolean') return Buffer.of(1, Number(value));
  if (typeof value === 'string') return Buffer.concat([Buffer.of(2), amfName(value)]);
  if (typeof value === 'number') {
    const number = Buffer.alloc(9);
    number.writeDoubleBE(value, 1);
    return number;
  }
  const fields = Object.entries(value).flatMap(([name, field]) => [amfName(name), amfValue(field)]);
  return Buffer.concat([Buffer.of(3), ...fields, Buffer.of(0, 0, 9)]);
}

function amfName(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 0xff), bytes]);
}

export interface RawMessage {
  readonly type: number;
  readonly body: Uint8Array;
  readonly chunkStream?: number;
  readonly timestamp?: number;
  readonly streamId?: number;
  readonly chunkBytes?: number;
  /** what the header says, when it is not the body's */
  readonly claimedBytes?: number;
}

/** A message with a full header (RTMP 1.0 §5.3.1.2), cut into chunks; times from 2²⁴−1 on are extended. */
export function message(raw: RawMessage): Buffer {
  const { body, type, chunkStream = 3, timestamp = 0, streamId = 1, chunkBytes = 128 } = raw;
  const extended = timestamp >= 0xffffff;
  const header = Buffer.alloc(11);
  header.writeUIntBE(extended ? 0xffffff : timestamp, 0, 3);
  header.writeUIntBE(raw.claimedBytes ?? body.length, 3, 3);
  header[6] = type;
  header.writeUInt32LE(streamId, 7);
  const time = Buffer.alloc(extended ? 4 : 0);
  if (extended) time.writeUInt32BE(timestamp % 2 ** 32);
  const parts = [basicHeader(0, chunkStream), header, time];
  for (let at = 0; at < body.length; at += chunkBytes) {
    if (at > 0) parts.push(basicHeader(3, chunkStream), time);
    parts.push(Buffer.from(body.subarray(at, at + chunkBytes)));
  }
  return Buffer.concat(parts);
}

/** RTMP 1.0 §5.3.1.1 */
export function basicHeader(format: number, chunkStream: number): Buffer {
  if (chunkStream < 64) return Buffer.of((format << 6) | chunkStream);
  const id = chunkStream - 64;
  return id < 256 ? Buffer.of(format << 6, id) : Buffer.of((format << 6) | 1, id & 0xff, id >> 8);
}

export function command(values: readonly AmfValue[], streamId = 0): Buffer {
  return message({ type: 20, body: amf0(...values), streamId });
}

export function connectCommand(app = 'live', tcUrl = 'rtmp://127.0.0.1/live'): Buffer {
  return command(['connect', 1, { app, type: 'nonprivate', flashVer: 'FMLE/3.0 (compatible; test)', tcUrl }]);
}

/** What an encoder of the FMLE family, OBS for one, sends between connect and publish. */
export function prepareCommands(streamName: string): Buffer {
  return Buffer.concat([
    command(['releaseStream', 2, null, streamName]),
    command(['FCPublish', 3, null, streamName]),
    command(['createStream', 4, null]),
  ]);
}

export function publishCommand(streamName: string): Buffer {
  return command(['publish', 5, null, streamName, 'live'], 1);
}

/** All that precedes media, in one piece. */
export function untilPublish(streamName: string): Buffer {
  return Buffer.concat([C0_C1, C2, connectCommand(), prepareCommands(streamName), publishCommand(streamName)]);
}

export function video(bytes: number, timestamp = 0): Buffer {
  const body = Buffer.alloc(bytes, 0x5a);
  body.set([0x17, 1, 0, 0, 0].slice(0, bytes));
  return message({ type: 9, body, chunkStream: 6, timestamp });
}

export function audio(bytes: number, timestamp = 0): Buffer {
  const body = Buffer.alloc(bytes, 0xa5);
  body.set([0xaf, 1].slice(0, bytes));
  return message({ type: 8, body, chunkStream: 4, timestamp });
}

/** A protocol control message with a body of 32-bit numbers. */
export function control(type: number, ...words: readonly number[]): Buffer {
  const body = Buffer.alloc(4 * words.length);
  for (const [index, word] of words.entries()) body.writeUInt32BE(word, 4 * index);
  return message({ type, body, chunkStream: 2, streamId: 0 });
}

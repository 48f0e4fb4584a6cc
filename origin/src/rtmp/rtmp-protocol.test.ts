import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  C0_C1,
  C2,
  type RawMessage,
  amf0,
  audio,
  basicHeader,
  command,
  connectCommand,
  control,
  message,
  video,
} from './raw-rtmp.ts';
import {
  DEFAULT_ACK_WINDOW_BYTES,
  MAX_ASSEMBLY_BYTES,
  MAX_AUDIO_MESSAGE_BYTES,
  MAX_CHUNK_BYTES,
  MAX_CHUNK_STREAMS,
  MAX_COMMAND_MESSAGE_BYTES,
  MAX_CONTROL_MESSAGE_BYTES,
  MAX_DATA_MESSAGE_BYTES,
  MIN_CHUNK_BYTES,
} from './rtmp-limits.ts';
import { type RtmpCommand, type RtmpMedia, RtmpProtocol } from './rtmp-protocol.ts';
import { RtmpViolation, type ViolationCode } from './violation.ts';

const MAX_VIDEO_BYTES = 1_000_000;
const SET_CHUNK_SIZE = 1;
const ABORT = 2;
const WINDOW_ACKNOWLEDGEMENT_SIZE = 5;

interface Harness {
  readonly protocol: RtmpProtocol;
  readonly commands: RtmpCommand[];
  readonly media: RtmpMedia[];
  readonly sent: Buffer[];
  readonly feed: (...bytes: Buffer[]) => void;
}

function handshaken({ mediaAllowed = true, maxVideoMessageBytes = MAX_VIDEO_BYTES } = {}): Harness {
  const [commands, media, sent]: [RtmpCommand[], RtmpMedia[], Buffer[]] = [[], [], []];
  const protocol = new RtmpProtocol({
    maxVideoMessageBytes,
    mediaAllowed: () => mediaAllowed,
    onCommand: (received) => commands.push(received),
    onMedia: (received) => media.push(received),
    onOutput: (bytes) => sent.push(bytes),
  });
  protocol.receive(Buffer.concat([C0_C1, C2]));
  assert.ok(protocol.handshakeDone);
  assert.equal(Buffer.concat(sent).length, 1 + 2 * 1536);
  sent.length = 0;
  return { protocol, commands, media, sent, feed: (...bytes) => protocol.receive(Buffer.concat(bytes)) };
}

function assertViolation(work: () => void, code: ViolationCode): void {
  assert.throws(work, (error) => error instanceof RtmpViolation && error.code === code, code);
}

/** The header of a message and the first byte of its body. */
function begin(raw: Omit<RawMessage, 'body'>): Buffer {
  return message({ ...raw, body: Buffer.alloc(1) });
}

test('refuses what does not start with version 3', () => {
  for (const first of [0x00, 0x06, 0x16, 0x47, 0xff]) {
    const fresh = new RtmpProtocol({
      maxVideoMessageBytes: 0,
      mediaAllowed: () => false,
      onCommand: () => assert.fail(),
      onMedia: () => assert.fail(),
      onOutput: () => assert.fail(),
    });
    assertViolation(() => fresh.receive(Buffer.of(first, 0, 0)), 'not_rtmp');
  }
});

test('reads the same whether bytes come at once or one by one', () => {
  const bytes = Buffer.concat([
    connectCommand(),
    control(SET_CHUNK_SIZE, 4096),
    message({ type: 9, body: Buffer.alloc(10_000, 1), chunkStream: 6, timestamp: 0x1_000_000, chunkBytes: 4096 }),
    message({ type: 8, body: Buffer.alloc(300, 2), chunkStream: 4, timestamp: 40, chunkBytes: 4096 }),
  ]);
  const [whole, split] = [handshaken(), handshaken()];
  whole.feed(bytes);
  for (const byte of bytes) split.feed(Buffer.of(byte));
  assert.deepEqual(split.commands, whole.commands);
  assert.deepEqual(split.media, whole.media);
  assert.deepEqual(
    whole.media.map(({ kind, clockMs, payload }) => [kind, clockMs, payload.length]),
    [
      ['video', 0x1_000_000, 10_000],
      ['audio', 40, 300],
    ],
  );
});

test('reads a command, with an AMF3 marker too', () => {
  const { commands, feed } = handshaken();
  feed(connectCommand('live', 'rtmp://h/live'));
  feed(message({ type: 17, body: Buffer.concat([Buffer.of(0), amf0('publish', 7, null, 'show?key=k', 'live')]) }));
  assert.deepEqual(commands, [
    { name: 'connect', transaction: 1, streamId: 0, app: 'live', tcUrl: 'rtmp://h/live', streamName: '' },
    { name: 'publish', transaction: 7, streamId: 1, app: '', tcUrl: '', streamName: 'show?key=k' },
  ]);
});

test('strips what FLV does not have from data messages', () => {
  const { media, feed } = handshaken();
  const body = amf0('onMetaData', { width: 64 });
  feed(message({ type: 18, body: Buffer.concat([amf0('@setDataFrame'), body]), chunkStream: 4 }));
  feed(message({ type: 15, body: Buffer.concat([Buffer.of(0), body]), chunkStream: 4 }));
  for (const { payload } of media) assert.deepEqual(Buffer.from(payload), body);
  assert.equal(media.length, 2);
});

test('hands out payloads of their own', () => {
  const { media, feed } = handshaken();
  feed(video(100), message({ type: 9, body: Buffer.alloc(100, 7), chunkStream: 6 }));
  assert.equal(media[0]?.payload[0], 0x17);
  assert.equal(media[1]?.payload[0], 7);
  assert.equal(media[0]?.payload.buffer.byteLength, 100);
});

test('drops empty audio and video, which some encoders send as a keep-alive', () => {
  const { media, feed } = handshaken();
  feed(message({ type: 8, body: Buffer.alloc(0) }), message({ type: 9, body: Buffer.alloc(0) }), audio(2));
  assert.equal(media.length, 1);
});

test('takes 16 chunk streams and refuses the 17th', () => {
  const { media, feed } = handshaken();
  for (let id = 3; id < 3 + MAX_CHUNK_STREAMS; id += 1)
    feed(message({ type: 8, body: Buffer.alloc(9), chunkStream: id }));
  assert.equal(media.length, MAX_CHUNK_STREAMS);
  assertViolation(() => feed(begin({ type: 8, chunkStream: 3 + MAX_CHUNK_STREAMS })), 'chunk_streams');
});

test('tells chunk streams of one, two and three bytes apart', () => {
  const { media, feed } = handshaken();
  // The library's own reading makes one stream of the last three.
  const ids = [63, 64, 319, 320, 576, 832];
  const messages = ids.map((id) => message({ type: 8, body: Buffer.alloc(200, id & 0xff), chunkStream: id }));
  const firstChunkBytes = ids.map((id) => basicHeader(0, id).length + 11 + 128);
  feed(...messages.map((bytes, index) => bytes.subarray(0, firstChunkBytes[index])));
  assert.equal(media.length, 0);
  feed(...messages.map((bytes, index) => bytes.subarray(firstChunkBytes[index])));
  assert.deepEqual(
    media.map(({ payload }) => payload),
    ids.map((id) => new Uint8Array(200).fill(id & 0xff)),
  );
});

test('refuses chunk sizes outside 128 … 16 Mi, and takes the bounds', () => {
  for (const size of [MIN_CHUNK_BYTES, MAX_CHUNK_BYTES]) {
    const { protocol, feed } = handshaken();
    feed(control(SET_CHUNK_SIZE, size));
    assert.equal(protocol.inChunkSize, size);
  }
  for (const size of [0, 1, MIN_CHUNK_BYTES - 1, MAX_CHUNK_BYTES + 1, 0x7fffffff, 0xffffffff]) {
    assertViolation(() => handshaken().feed(control(SET_CHUNK_SIZE, size)), 'chunk_size');
  }
});

test('refuses a new chunk size inside a message, and takes it after an abort', () => {
  const half = message({ type: 8, body: Buffer.alloc(200), chunkStream: 4 }).subarray(0, 140);
  assertViolation(() => handshaken().feed(half, control(SET_CHUNK_SIZE, 4096)), 'chunk_size');
  const { protocol, media, feed } = handshaken();
  feed(half, control(ABORT, 4), control(SET_CHUNK_SIZE, 4096), audio(50));
  assert.equal(protocol.inChunkSize, 4096);
  assert.equal(media.length, 1);
});

test('refuses a message over the limit of its type at the header, and takes the limit', () => {
  const limits: [type: number, bytes: number][] = [
    [1, MAX_CONTROL_MESSAGE_BYTES],
    [4, MAX_CONTROL_MESSAGE_BYTES],
    [8, MAX_AUDIO_MESSAGE_BYTES],
    [9, MAX_VIDEO_BYTES],
    [15, MAX_DATA_MESSAGE_BYTES],
    [17, MAX_COMMAND_MESSAGE_BYTES],
    [18, MAX_DATA_MESSAGE_BYTES],
    [20, MAX_COMMAND_MESSAGE_BYTES],
  ];
  for (const [type, bytes] of limits) {
    handshaken().feed(begin({ type, claimedBytes: bytes }));
    assertViolation(() => handshaken().feed(begin({ type, claimedBytes: bytes + 1 })), 'message_length');
  }
});

test('refuses message types that no publisher needs', () => {
  for (const type of [0, 7, 16, 19, 22, 255]) {
    assertViolation(() => handshaken().feed(begin({ type })), 'message_type');
  }
});

test('refuses control messages shorter than their field', () => {
  for (const type of [1, 2, 5, 4]) {
    assertViolation(() => handshaken().feed(message({ type, body: Buffer.of(0) })), 'message_length');
  }
  assertViolation(() => handshaken().feed(message({ type: 1, body: Buffer.alloc(0) }), audio(1)), 'message_length');
});

test('gives memory to the bytes that came, not to the length that a header claims', () => {
  const { protocol, feed } = handshaken();
  feed(begin({ type: 9, claimedBytes: MAX_VIDEO_BYTES }));
  assert.ok(protocol.parserPacket.capacity <= 13, String(protocol.parserPacket.capacity));
  feed(Buffer.alloc(100));
  assert.ok(protocol.parserPacket.capacity <= 113 + 100, String(protocol.parserPacket.capacity));
});

test('takes no memory ahead of need', () => {
  assert.equal(handshaken().protocol.flv.parserTagData.length, 0);
});

test('refuses more unfinished messages than it will hold', () => {
  const controlBytes = 4;
  const frameBytes = Math.floor((MAX_ASSEMBLY_BYTES - controlBytes) / 3);
  const { feed } = handshaken({ maxVideoMessageBytes: frameBytes });
  feed(control(SET_CHUNK_SIZE, 2 ** 20));
  const frame = (chunkStream: number) =>
    message({ type: 9, body: Buffer.alloc(7 * 2 ** 20), claimedBytes: frameBytes, chunkStream, chunkBytes: 2 ** 20 });
  for (const chunkStream of [4, 5, 6]) feed(frame(chunkStream));
  assertViolation(() => feed(begin({ type: 9, chunkStream: 7, claimedBytes: 3 })), 'assembly_bytes');
});

test('refuses a header inside a message', () => {
  for (const format of [0, 1, 2]) {
    const first = message({ type: 8, body: Buffer.alloc(200), chunkStream: 4 }).subarray(0, 140);
    assertViolation(() => handshaken().feed(first, basicHeader(format, 4), Buffer.alloc(11)), 'chunk_header');
  }
});

test('a chunk stream starts with a full header; format 1 is let pass', () => {
  for (const format of [2, 3]) {
    assertViolation(() => handshaken().feed(basicHeader(format, 4), Buffer.alloc(11)), 'chunk_header');
  }
  const { protocol, feed } = handshaken();
  feed(basicHeader(1, 2), Buffer.of(0, 0, 0, 0, 0, 4, SET_CHUNK_SIZE, 0, 0, 0x10, 0));
  assert.equal(protocol.inChunkSize, 4096);
});

test('refuses media, at the header, while none is allowed', () => {
  for (const type of [8, 9, 15, 18]) {
    assertViolation(() => handshaken({ mediaAllowed: false }).feed(begin({ type })), 'media_before_publish');
  }
});

test('times run on past 2³² ms by deltas, and step back by one', () => {
  const { media, feed } = handshaken();
  const delta = (ms: number) => {
    const extended = Buffer.alloc(4);
    extended.writeUInt32BE(ms);
    return Buffer.concat([basicHeader(1, 4), Buffer.of(0xff, 0xff, 0xff, 0, 0, 1, 8), extended, Buffer.of(0xaf)]);
  };
  feed(message({ type: 8, body: Buffer.of(0xaf), chunkStream: 4, timestamp: 2 ** 32 - 10 }));
  feed(delta(30), delta(2 ** 32 - 25), delta(25));
  assert.deepEqual(
    media.map(({ clockMs }) => clockMs),
    [2 ** 32 - 10, 20, 2 ** 32 - 5, 20],
  );
});

test('acknowledges each window, as the peer sized it', () => {
  const { sent, feed } = handshaken();
  feed(control(WINDOW_ACKNOWLEDGEMENT_SIZE, 5_000));
  const before = sent.length;
  const bytes = Buffer.concat([audio(100), audio(100)]);
  let received = 3073 + 16;
  for (let count = 0; count < 100; count += 1) {
    feed(bytes);
    received += bytes.length;
  }
  const acknowledged = sent.slice(before).map((ack) => ack.readUInt32BE(12));
  assert.ok(acknowledged.length >= Math.floor((received - 5_000) / (5_000 + bytes.length)));
  for (const [index, total] of acknowledged.entries()) {
    assert.ok(total - (acknowledged[index - 1] ?? 0) >= 5_000);
    assert.ok(total - (acknowledged[index - 1] ?? 0) < 5_000 + bytes.length + 3073 + 16);
  }
  assert.ok(received - (acknowledged.at(-1) ?? 0) < 5_000);
});

test('acknowledges by default, and when the peer sets a window of 0', () => {
  const { sent, feed } = handshaken();
  feed(control(WINDOW_ACKNOWLEDGEMENT_SIZE, 0), control(SET_CHUNK_SIZE, 65_536));
  const frame = message({ type: 9, body: Buffer.alloc(60_000), chunkStream: 6, chunkBytes: 65_536 });
  for (let bytes = 0; bytes < DEFAULT_ACK_WINDOW_BYTES; bytes += frame.length) feed(frame);
  assert.equal(sent.length, 1);
});

test('answers a ping with its own time', () => {
  const { sent, feed } = handshaken();
  const ping = Buffer.of(0, 6, 1, 2, 3, 4);
  feed(message({ type: 4, body: ping, chunkStream: 2, streamId: 0 }));
  assert.deepEqual(sent.at(-1)?.subarray(12), Buffer.of(0, 7, 1, 2, 3, 4));
});

test('garbage for AMF throws at worst', () => {
  const nested = Buffer.alloc(MAX_COMMAND_MESSAGE_BYTES, Buffer.of(0x0a, 0, 0, 0, 1));
  const endless = Buffer.of(0x0a, 0xff, 0xff, 0xff, 0xff, 5);
  const bodies = [
    Buffer.alloc(0),
    Buffer.of(2, 0xff, 0xff),
    Buffer.of(0x0d),
    amf0('constructor', 1),
    amf0('__proto__', 1),
    amf0('connect', 1, { __proto__: 'x', app: 7, tcUrl: true }),
    Buffer.concat([amf0('connect', 1), nested]).subarray(0, MAX_COMMAND_MESSAGE_BYTES),
    Buffer.concat([amf0('connect', 1), endless]),
    Buffer.concat([amf0('connect', 1), Buffer.alloc(9_000, Buffer.of(3, 0, 1, 97))]),
  ];
  for (const body of bodies) {
    const { commands, feed } = handshaken();
    try {
      feed(message({ type: 20, body }), command(['after', 1]));
      assert.ok(commands.every(({ app, tcUrl }) => typeof app === 'string' && typeof tcUrl === 'string'));
    } catch (error) {
      assert.ok(error instanceof Error);
    }
  }
  assert.equal(({} as Record<string, unknown>)['app'], undefined);
});

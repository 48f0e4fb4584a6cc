/**
 * node-media-server's RTMP protocol class behind our limits. It alone reads chunks and writes answers; this subclass refuses
 * what the class would take on trust, lets memory follow the bytes that have arrived rather than the lengths that headers
 * claim, and hands complete messages on. Section numbers are those of Adobe's RTMP 1.0.
 */

// Ambient declarations: another workspace that imports this file must find them too.
// oxlint-disable-next-line typescript/triple-slash-reference
/// <reference path="./node-media-server.d.ts" />
import logger from 'node-media-server/src/core/logger.js';
import { decodeAmf0Cmd } from 'node-media-server/src/protocol/amf.js';
import Flv from 'node-media-server/src/protocol/flv.js';
import Rtmp from 'node-media-server/src/protocol/rtmp.js';
import type { PublishPacket } from '../publish.ts';
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
import { RtmpViolation } from './violation.ts';

// The library prints what it cannot decode to standard output; a refusal is logged once, by the session.
logger.log = () => undefined;
// Each protocol object makes an FLV reader that takes 1 MiB at once. Nothing here reads FLV: 600 port scanners would cost
// 600 MiB for nothing, so the readers start with a capacity of 0.
Object.defineProperty(Flv.prototype, 'parserTagCapacity', { get: () => 0, set() {} });

/** A command as a publisher may send it. Absent or ill-typed fields are ''. */
export interface RtmpCommand {
  readonly name: string;
  readonly transaction: number;
  /** the message stream that it came on */
  readonly streamId: number;
  readonly app: string;
  readonly tcUrl: string;
  /** `STREAM?key=KEY` */
  readonly streamName: string;
}

/** An audio, video or data message; `clockMs` wraps at 2³². */
export type RtmpMedia = Pick<PublishPacket, 'kind' | 'payload'> & { readonly clockMs: number };

interface RtmpProtocolOptions {
  readonly maxVideoMessageBytes: number;
  /** asked when a message begins, before a byte of it is stored */
  readonly mediaAllowed: () => boolean;
  readonly onCommand: (command: RtmpCommand) => void;
  readonly onMedia: (media: RtmpMedia) => void;
  readonly onOutput: (bytes: Buffer) => void;
}

type Message = Rtmp['parserPacket'];

const RTMP_VERSION = 3;
const AWAITS_VERSION = 0;
const HANDSHAKE_DONE = 3;
const CLOCK_WRAP = 2 ** 32;

/** §5.3.1.2: a full header, or a continuation with none. */
const FULL_HEADER = 0;
const DELTA_AND_LENGTH_HEADER = 1;
const DELTA_HEADER = 2;
const NO_HEADER = 3;

const SET_CHUNK_SIZE = 1;
const ABORT = 2;
const ACKNOWLEDGEMENT = 3;
const USER_CONTROL = 4;
const WINDOW_ACKNOWLEDGEMENT_SIZE = 5;
const SET_PEER_BANDWIDTH = 6;
const AUDIO = 8;
const VIDEO = 9;
const DATA_AMF3 = 15;
const COMMAND_AMF3 = 17;
const DATA_AMF0 = 18;
const COMMAND_AMF0 = 20;

/** §7.1.7 */
const PING_REQUEST = 6;
const PING_RESPONSE = 7;

/** An AMF0 string. RTMP wraps `onMetaData` in it; FLV does not. */
const SET_DATA_FRAME = Buffer.from('\u0002\0\u000d@setDataFrame', 'latin1');

/** One connection's protocol. Any throw from {@link receive} means that the connection cannot be read any further. */
export class RtmpProtocol extends Rtmp {
  readonly #options: RtmpProtocolOptions;
  #receivedBytes = 0;
  #acknowledgedBytes = 0;
  #ackWindowBytes = DEFAULT_ACK_WINDOW_BYTES;
  #readBytes = 0;
  #assemblyBytes = 0;

  constructor(options: RtmpProtocolOptions) {
    super();
    this.#options = options;
    this.onOutputCallback = options.onOutput;
  }

  get handshakeDone(): boolean {
    return this.handshakeState === HANDSHAKE_DONE;
  }

  /**
   * Reads what arrived on the socket.
   * @throws RtmpViolation, or whatever the library throws at malformed bytes
   */
  receive(bytes: Buffer): void {
    if (this.handshakeState === AWAITS_VERSION && bytes[0] !== RTMP_VERSION) {
      throw new RtmpViolation('not_rtmp', `the first byte is ${bytes[0]}, not ${RTMP_VERSION}`);
    }
    this.#receivedBytes += bytes.length;
    this.#readBytes = bytes.length;
    this.#reserve(this.parserPacket);
    this.parserData(bytes);
    this.#acknowledge();
  }

  /** Whether a message is under assembly on any chunk stream. */
  #assembling(): boolean {
    return [...this.inPackets.values()].some((message) => message.bytes > 0);
  }

  /** §5.4.3: the total so far, each time a window's worth has come in. Some publishers stop and wait for it. */
  #acknowledge(): void {
    if (this.#receivedBytes - this.#acknowledgedBytes < this.#ackWindowBytes) return;
    this.#acknowledgedBytes = this.#receivedBytes;
    this.sendACK(this.#receivedBytes % CLOCK_WRAP);
  }

  override packetParse(): void {
    const format = (this.parserBuffer[0] as number) >> 6;
    const chunkStream = this.#chunkStreamId();
    const known = this.inPackets.get(chunkStream);
    if (known === undefined) this.#openChunkStream(chunkStream, format);
    const message = known ?? emptyMessage();
    this.inPackets.set(chunkStream, message);
    this.parserPacket = message;
    message.header.cid = chunkStream;
    if (message.bytes > 0 && format !== NO_HEADER) {
      throw new RtmpViolation('chunk_header', `a header of format ${format} inside a message`);
    }
    message.header.fmt = format;
    this.#readHeader(message);
    if (message.bytes === 0) this.#admit(message);
    this.#reserve(message);
  }

  /** §5.3.1.1. The library's own reading of the three-byte form is wrong and lets ids collide. */
  #chunkStreamId(): number {
    const [first = 0, second = 0, third = 0] = this.parserBuffer;
    switch (this.parserBasicBytes) {
      case 2:
        return 64 + second;
      case 3:
        return 64 + second + third * 256;
      default:
        return first & 0x3f;
    }
  }

  /** A new chunk stream must say its message's length and type; some encoders open the control stream with format 1. */
  #openChunkStream(id: number, format: number): void {
    if (format !== FULL_HEADER && format !== DELTA_AND_LENGTH_HEADER) {
      throw new RtmpViolation('chunk_header', `chunk stream ${id} starts with format ${format}`);
    }
    if (this.inPackets.size >= MAX_CHUNK_STREAMS) {
      throw new RtmpViolation('chunk_streams', `more than ${MAX_CHUNK_STREAMS} chunk streams`);
    }
  }

  /** §5.3.1.2 */
  #readHeader(message: Message): void {
    const { header } = message;
    const at = this.parserBasicBytes;
    if (header.fmt <= DELTA_HEADER) header.timestamp = this.parserBuffer.readUIntBE(at, 3);
    if (header.fmt <= DELTA_AND_LENGTH_HEADER) {
      header.length = this.parserBuffer.readUIntBE(at + 3, 3);
      header.type = this.parserBuffer.readUInt8(at + 6);
    }
    if (header.fmt === FULL_HEADER) header.stream_id = this.parserBuffer.readUInt32LE(at + 7);
  }

  #admit({ header }: Message): void {
    const limit = this.#lengthLimit(header.type);
    if (header.length > limit) {
      throw new RtmpViolation('message_length', `${header.length} bytes of type ${header.type}, allowed are ${limit}`);
    }
    if (isMedia(header.type) && !this.#options.mediaAllowed()) {
      throw new RtmpViolation('media_before_publish', `a message of type ${header.type} without an accepted publish`);
    }
  }

  #lengthLimit(type: number): number {
    switch (type) {
      case SET_CHUNK_SIZE:
      case ABORT:
      case ACKNOWLEDGEMENT:
      case USER_CONTROL:
      case WINDOW_ACKNOWLEDGEMENT_SIZE:
      case SET_PEER_BANDWIDTH:
        return MAX_CONTROL_MESSAGE_BYTES;
      case COMMAND_AMF0:
      case COMMAND_AMF3:
        return MAX_COMMAND_MESSAGE_BYTES;
      case AUDIO:
        return MAX_AUDIO_MESSAGE_BYTES;
      case VIDEO:
        return this.#options.maxVideoMessageBytes;
      case DATA_AMF0:
      case DATA_AMF3:
        return MAX_DATA_MESSAGE_BYTES;
      default:
        throw new RtmpViolation('message_type', `messages of type ${type} are not supported`);
    }
  }

  /** Makes room for what this read can add, and no more: a header that claims 8 MiB costs its sender 8 MiB. */
  #reserve(message: Message): void {
    const wanted = Math.min(message.header.length, message.bytes + this.#readBytes);
    if (message.capacity >= wanted) return;
    const capacity = Math.min(message.header.length, Math.max(wanted, 2 * message.capacity));
    this.#assemblyBytes += capacity - message.capacity;
    if (this.#assemblyBytes > MAX_ASSEMBLY_BYTES) {
      throw new RtmpViolation('assembly_bytes', `more than ${MAX_ASSEMBLY_BYTES} bytes of unfinished messages`);
    }
    const grown = Buffer.allocUnsafeSlow(capacity);
    message.payload.copy(grown, 0, 0, message.bytes);
    message.payload = grown;
    message.capacity = capacity;
  }

  /** The library would drop every message for good once the deltas add up to 2³². Room is made by {@link receive}. */
  override packetAlloc(): void {
    this.parserPacket.clock %= CLOCK_WRAP;
  }

  override packetHandler(): void {
    const { header, clock, payload } = this.parserPacket;
    const body = payload.subarray(0, header.length);
    switch (header.type) {
      case SET_CHUNK_SIZE:
        return this.#setInboundChunkSize(control(body, 4).readUInt32BE());
      case ABORT:
        return this.#abort(control(body, 4).readUInt32BE());
      case WINDOW_ACKNOWLEDGEMENT_SIZE:
        this.#ackWindowBytes = control(body, 4).readUInt32BE() || DEFAULT_ACK_WINDOW_BYTES;
        return;
      case USER_CONTROL:
        if (control(body, 2).readUInt16BE() === PING_REQUEST) {
          this.sendStreamStatus(PING_RESPONSE, control(body, 6).readUInt32BE(2));
        }
        return;
      case COMMAND_AMF0:
      case COMMAND_AMF3:
        return this.#options.onCommand(decodeCommand(withoutAmf3Marker(header.type, body), header.stream_id));
      case AUDIO:
      case VIDEO:
        // An empty message is a keep-alive of some encoders, not a frame.
        if (body.length === 0) return;
        return this.#options.onMedia({
          kind: header.type === AUDIO ? 'audio' : 'video',
          clockMs: clock,
          payload: new Uint8Array(body),
        });
      case DATA_AMF0:
      case DATA_AMF3:
        return this.#options.onMedia({
          kind: 'data',
          clockMs: clock,
          payload: new Uint8Array(withoutSetDataFrame(withoutAmf3Marker(header.type, body))),
        });
      default:
        // ACKNOWLEDGEMENT and SET_PEER_BANDWIDTH concern what we send, which is next to nothing.
        return;
    }
  }

  #setInboundChunkSize(bytes: number): void {
    if (bytes < MIN_CHUNK_BYTES || bytes > MAX_CHUNK_BYTES) {
      throw new RtmpViolation('chunk_size', `chunks of ${bytes} bytes`);
    }
    // The parser counts chunks from a message's start, so a new size inside a message would lose its place.
    if (this.#assembling()) throw new RtmpViolation('chunk_size', 'a new chunk size inside a message');
    this.inChunkSize = bytes;
  }

  /** §5.4.2 */
  #abort(chunkStream: number): void {
    const message = this.inPackets.get(chunkStream);
    if (message !== undefined) message.bytes = 0;
  }
}

function emptyMessage(): Message {
  return {
    header: { fmt: 0, cid: 0, timestamp: 0, length: 0, type: 0, stream_id: 0 },
    clock: 0,
    payload: Buffer.alloc(0),
    capacity: 0,
    bytes: 0,
  };
}

function isMedia(type: number): boolean {
  return type === AUDIO || type === VIDEO || type === DATA_AMF0 || type === DATA_AMF3;
}

function control(body: Buffer, leastBytes: number): Buffer {
  if (body.length < leastBytes) throw new RtmpViolation('message_length', `a control message of ${body.length} bytes`);
  return body;
}

/** §7.1.1: AMF3 messages start with a byte that says that AMF0 follows. */
function withoutAmf3Marker(type: number, body: Buffer): Buffer {
  return type === COMMAND_AMF3 || type === DATA_AMF3 ? body.subarray(1) : body;
}

function withoutSetDataFrame(body: Buffer): Buffer {
  const wrapped = body.subarray(0, SET_DATA_FRAME.length).equals(SET_DATA_FRAME);
  return wrapped ? body.subarray(SET_DATA_FRAME.length) : body;
}

function decodeCommand(body: Buffer, streamId: number): RtmpCommand {
  const fields = decodeAmf0Cmd(body);
  const name = fields['cmd'];
  if (typeof name !== 'string') throw new RtmpViolation('malformed', 'a command without a name');
  const object = typeof fields['cmdObj'] === 'object' && fields['cmdObj'] !== null ? fields['cmdObj'] : {};
  return {
    name,
    transaction: typeof fields['transId'] === 'number' ? fields['transId'] : 0,
    streamId,
    app: string(Reflect.get(object, 'app')),
    tcUrl: string(Reflect.get(object, 'tcUrl')),
    streamName: string(fields['streamName']),
  };
}

function string(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

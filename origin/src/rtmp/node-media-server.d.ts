/** The parts of node-media-server 4.4.3 that this service uses, typed by reading its source. It ships no declarations. */

declare module 'node-media-server/src/protocol/rtmp.js' {
  /** A message under assembly on one chunk stream. */
  interface RtmpPacket {
    header: { fmt: number; cid: number; timestamp: number; length: number; type: number; stream_id: number };
    /** absolute RTMP time of the message, milliseconds; grows past 2³² when deltas are added to it */
    clock: number;
    /** reused from message to message and longer than the message */
    payload: Buffer;
    capacity: number;
    /** how much of the payload has arrived */
    bytes: number;
  }

  class Rtmp {
    /** a reader of FLV files, made for each connection and not used by the protocol */
    flv: { parserTagData: Buffer };
    handshakeState: number;
    parserBuffer: Buffer;
    parserBasicBytes: number;
    parserPacket: RtmpPacket;
    inPackets: Map<number, RtmpPacket>;
    inChunkSize: number;
    outChunkSize: number;
    objectEncoding: number;
    streamApp: string;
    streamName: string;
    streamId: number;
    onOutputCallback: (bytes: Buffer) => void;

    parserData(bytes: Buffer): null;
    /** called when a chunk's basic and message header are complete */
    packetParse(): void;
    /** called before a message's first payload byte, when its clock is known */
    packetAlloc(): void;
    /** called when a message is complete */
    packetHandler(): void;

    sendACK(receivedBytes: number): void;
    sendWindowACK(windowBytes: number): void;
    setPeerBandwidth(windowBytes: number, limitType: number): void;
    setChunkSize(bytes: number): void;
    sendStreamStatus(event: number, value: number): void;
    sendInvokeMessage(streamId: number, command: Readonly<Record<string, unknown>>): void;
    sendStatusMessage(streamId: number, level: 'status' | 'error', code: string, description: string): void;
    respondConnect(transaction: number): void;
    respondCreateStream(transaction: number): void;
    respondPublish(): void;
  }
  export = Rtmp;
}

declare module 'node-media-server/src/protocol/amf.js' {
  /**
   * Decodes the fields of a command that the library knows; of others only `cmd`.
   * @throws for anything malformed
   */
  export function decodeAmf0Cmd(bytes: Buffer): Readonly<Record<string, unknown>>;
}

declare module 'node-media-server/src/protocol/flv.js' {
  class Flv {
    /** set to 1 MiB by the constructor, which allocates as much right after */
    parserTagCapacity: number;
  }
  export = Flv;
}

declare module 'node-media-server/src/core/logger.js' {
  const logger: { log: (message: unknown, level?: string) => void };
  export = logger;
}

/** Every bound of the RTMP ingest. Those in {@link RtmpLimits} are the operator's; the rest follow from the protocol. */

import type { AddressCap } from '@headwater/protocol/address-cap';

/** What an operator may set. */
export interface RtmpLimits {
  /** connections of this process, RTMP and RTMPS together; 0 = no cap */
  readonly maxConnections: number;
  /** connections of one address (IPv6: of one /64) */
  readonly maxConnectionsPerAddress: AddressCap;
  /** from the connection to a publish command, handshakes included */
  readonly publishDeadlineMs: number;
  /** a publisher that sends neither audio nor video for so long is let go */
  readonly idleMs: number;
  /** the largest video message: one coded frame */
  readonly maxVideoMessageBytes: number;
}

export const DEFAULT_RTMP_LIMITS: RtmpLimits = {
  maxConnections: 1_000,
  // A studio behind one address, many times over; a tenth of what the process takes.
  maxConnectionsPerAddress: { loopback: 0, elsewhere: 100 },
  publishDeadlineMs: 5_000,
  idleMs: 15_000,
  maxVideoMessageBytes: 8 * 1024 * 1024,
};

/** How long the desk may take to decide on a publish. */
export const DECISION_DEADLINE_MS = 5_000;
/** How long the live pipeline may hold a publisher back before the session counts as stuck. */
export const HOLD_BACK_LIMIT_MS = 15_000;
/** How long a peer may take to read our last words before its socket is destroyed. */
export const LINGER_MS = 1_000;

/** RTMP 1.0 §5.4.1 lets the chunk size be 1…2³¹−1. Real ones are 128…65,536; a message cannot exceed 16 Mi. */
export const MIN_CHUNK_BYTES = 128;
export const MAX_CHUNK_BYTES = 16 * 1024 * 1024;
/** Publishers use four or five chunk streams. */
export const MAX_CHUNK_STREAMS = 16;
/** All messages under assembly in one session. */
export const MAX_ASSEMBLY_BYTES = 24 * 1024 * 1024;

/** Protocol and user control messages have fixed bodies of 4 to 10 bytes. */
export const MAX_CONTROL_MESSAGE_BYTES = 64;
export const MAX_COMMAND_MESSAGE_BYTES = 16 * 1024;
export const MAX_AUDIO_MESSAGE_BYTES = 512 * 1024;
export const MAX_DATA_MESSAGE_BYTES = 64 * 1024;

/** A publisher sends five commands before it is on air. */
export const MAX_COMMANDS_BEFORE_PUBLISH = 32;
/** Messages that may wait for the desk's decision: those that arrived in one read together with the publish command. */
export const MAX_MESSAGES_AWAITING_DECISION = 256;
/** What may wait in a session's socket for a peer that does not read. */
export const MAX_OUTBOUND_BYTES = 64 * 1024;
/** Bytes after which we acknowledge when the peer has not said (RTMP 1.0 §5.4.3). */
export const DEFAULT_ACK_WINDOW_BYTES = 2_500_000;
/** The window and bandwidth that we announce to a publisher. */
export const ANNOUNCED_WINDOW_BYTES = 5_000_000;
export const MAX_STREAM_KEY_LENGTH = 256;

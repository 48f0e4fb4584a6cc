/** Between a publisher's connection and the stream it feeds: who may publish, and where the packets go. */

import type { ProblemCode } from '@headwater/protocol/problem';

/** One FLV tag body as it came, with the publisher's own time. */
export interface PublishPacket {
  readonly kind: 'audio' | 'video' | 'data';
  /** the publisher's clock, unwrapped: it does not fall back at 2³² */
  readonly timestampMs: number;
  /** the receiver's own copy; nobody writes to it again */
  readonly payload: Uint8Array;
}

export interface PublishRequest {
  readonly stream: string;
  readonly key: string;
  readonly remoteAddress: string;
}

/** Refusals: `publish_denied`, `stream_claimed`, `too_many_streams`, `not_ready`. */
export type PublishDecision =
  | { readonly ok: true; readonly sink: PublishSink }
  | { readonly ok: false; readonly code: ProblemCode };

/** Where an accepted publisher's packets go. */
export interface PublishSink {
  /** @returns false when the caller must stop reading from its socket until {@link PublishSink.drained} */
  write(packet: PublishPacket): boolean;
  drained(): Promise<void>;
  /** The publisher is gone; the stream waits for its return. */
  close(reason: string): void;
  /** Resolves with the reason when the origin ends it: replaced, failed, shutting down. Not after `close`. */
  readonly closed: Promise<string>;
}

export interface PublishDesk {
  open(request: PublishRequest): Promise<PublishDecision>;
}

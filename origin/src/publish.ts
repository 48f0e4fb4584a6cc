/**
 * What the RTMP ingest and the live pipeline say to each other. A session asks the desk for a place; the desk answers with a
 * sink for the stream, or with a reason.
 */

import type { ProblemCode } from '@headwater/protocol/problem';

/** One FLV tag's worth of a publish. */
export interface PublishPacket {
  readonly kind: 'audio' | 'video' | 'data';
  /** RTMP milliseconds, unwrapped: they go on past 2³² */
  readonly timestampMs: number;
  /** the body of an FLV tag; nobody else holds or reuses these bytes */
  readonly payload: Uint8Array;
}

/** Who wants to publish what. */
export interface PublishRequest {
  readonly stream: string;
  readonly key: string;
  readonly remoteAddress: string;
}

/** The desk's answer. The codes in use: publish_denied, stream_claimed, too_many_streams, not_ready. */
export type PublishDecision =
  { readonly ok: true; readonly sink: PublishSink } | { readonly ok: false; readonly code: ProblemCode };

/** Where an accepted publisher's packets go. */
export interface PublishSink {
  /** @returns false for back-pressure: stop reading until {@link drained} */
  write(packet: PublishPacket): boolean;
  drained(): Promise<void>;
  /** The publisher is gone; the stream waits for its return. */
  close(reason: string): void;
  /** Settles with a reason when the origin ends the publish: replaced, ladder failed, shutdown. */
  readonly closed: Promise<string>;
}

/** Admits publishers: one per stream. */
export interface PublishDesk {
  open(request: PublishRequest): Promise<PublishDecision>;
}

/** What a caller of the upstream side gives and hears. */

import type { FieldList } from '../http-cache/fields.ts';
import type { UpstreamError } from './upstream-error.ts';

export interface UpstreamHead {
  readonly status: number;
  readonly fields: FieldList;
  /** the origin or parent that answers, as it is configured */
  readonly from: string;
  /**
   * The end of the body is marked: by Content-Length, by the last chunk, or because there is none. When false, only the
   * end of the connection ends it (HTTP/1.0), and a body that ends is as complete as that end was clean (RFC 9112 §8).
   */
  readonly isLengthKnown: boolean;
}

/** Exactly one of `onEnd` and `onError` comes last; nothing comes from within `fetch` itself. */
export interface UpstreamHandler {
  /** 1xx but for 100 and 101, their bytes as characters (latin1); before `onHead`, any number of times up to a limit */
  onInformation(status: number, fields: FieldList): void;
  onHead(head: UpstreamHead): void;
  /** @returns false to get no more until `resume()`; the chunk may be kept */
  onData(chunk: Buffer): boolean;
  onEnd(trailers: FieldList): void;
  onError(error: UpstreamError): void;
}

export interface UpstreamFetch {
  /** goes on after an `onData` that answered false */
  resume(): void;
  /** ends it with `onError` of code `aborted`, unless it is over */
  abort(): void;
}

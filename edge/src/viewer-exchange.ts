/**
 * What serving needs of a request and of its answer. node:http's classes have it, and so has a stream of HTTP/2. Field lists
 * are flat: name, value, name, value.
 */

import type { IncomingHttpHeaders } from 'node:http';

/** What carries one request: a connection, or a stream of one. */
export interface ViewerSocket {
  readonly remoteAddress?: string | undefined;
  readonly destroyed: boolean;
  /** true for a connection of TLS */
  readonly encrypted?: boolean;
  /** set by {@link setTimeout}; it is over when nothing moves for so long */
  readonly timeout?: number | undefined;
  /** where requests share a connection and do not wait for one another: that connection */
  readonly shared?: object;
  setTimeout(ms: number): unknown;
  /** Cuts it: an answer that is not over never looks whole. */
  destroy(): unknown;
  /** Cuts a connection of TCP so that nobody takes the end for a good one. */
  resetAndDestroy?(): unknown;
}

/** A request. Iterate over it for its body. */
export interface ViewerRequest extends AsyncIterable<Uint8Array> {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  /** 1.0, 1.1 or 2.0 */
  readonly httpVersion: string;
  /** by lower-case name; of HTTP/2 `host` is the authority */
  readonly headers: IncomingHttpHeaders;
  /** a field list as it came, without HTTP/2's pseudo-header fields */
  readonly rawHeaders: readonly string[];
  readonly socket: ViewerSocket;
}

/** Its answer: one head, then the body. */
export interface ViewerResponse {
  readonly req: { readonly socket: ViewerSocket };
  readonly headersSent: boolean;
  readonly destroyed: boolean;
  readonly writableEnded: boolean;
  /** bytes that were handed over and not taken yet */
  readonly writableLength: number;
  /** of that, what is copied for this connection alone, at most; where nothing is copied there is no such number */
  readonly copiedBytes?: number;
  /** false: the connection ends when those who have requests on it are answered */
  shouldKeepAlive: boolean;
  /** An interim answer (RFC 9110 §15.2), before the head. */
  writeInformation(status: number, fields: readonly string[]): void;
  writeHead(status: number, fields: string[]): unknown;
  /** False: wait for `drain`. */
  write(chunk: Uint8Array): boolean;
  /** Trailers (RFC 9110 §6.5), before the end. */
  addTrailers(fields: readonly [string, string][]): void;
  end(chunk?: Uint8Array | string): unknown;
  /** Cuts the answer. */
  destroy(): unknown;
  on(event: 'drain' | 'close', listener: () => void): unknown;
  once(event: 'drain' | 'close', listener: () => void): unknown;
  off(event: 'drain' | 'close', listener: () => void): unknown;
}

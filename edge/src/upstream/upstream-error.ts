/** How a fetch from an origin or a parent goes wrong, and what undici's errors mean in these words. */

import { errors } from 'undici';

/**
 * - `connect`: no connection (refused, no such name, TLS); `timeout_connect`: none in time
 * - `overloaded`: every connection to this target was taken and the queue full, or none came free in time
 * - `unavailable`: everybody who could be asked failed so often of late that nobody is asked for a while
 * - `timeout_head`: the response's head did not come in time; `stalled`: its body, or our request's, stopped moving
 * - `timeout_total`: the whole took too long
 * - `reset`: the connection ended before the message did, or the message was shorter than it said
 * - `protocol`: what came is not HTTP/1.1, or says two things about its own length
 * - `too_large`: more header fields, or more interim responses, than a response may have
 * - `request_body`: the request's own body failed or was not as long as it said
 * - `invalid_request`: the request cannot be written
 * - `loop`: the request has been here before (RFC 8586)
 * - `aborted`: the caller did not want it any more, or the client is closed
 */
export const UPSTREAM_ERROR_CODES = [
  'connect',
  'timeout_connect',
  'overloaded',
  'unavailable',
  'timeout_head',
  'stalled',
  'timeout_total',
  'reset',
  'protocol',
  'too_large',
  'request_body',
  'invalid_request',
  'loop',
  'aborted',
] as const;

export type UpstreamErrorCode = (typeof UPSTREAM_ERROR_CODES)[number];

export interface UpstreamError {
  readonly code: UpstreamErrorCode;
  readonly detail: string;
  /** of the response's body, as handed over */
  readonly bytesReceived: number;
  /** nothing of a final response came, and asking again, here or elsewhere, can do no harm (RFC 9110 §9.2.2) */
  readonly isRetryable: boolean;
}

/**
 * What a connection's end, or undici, complains of.
 * @param hasHead the head was whole; before it, undici takes two lengths for a body of the wrong one
 */
export function codeOfCause(cause: unknown, hasHead: boolean): UpstreamErrorCode {
  if (cause instanceof errors.HTTPParserError) return cause.code === 'HPE_INVALID_EOF_STATE' ? 'reset' : 'protocol';
  if (cause instanceof errors.HeadersOverflowError) return 'too_large';
  if (cause instanceof errors.ResponseContentLengthMismatchError) return hasHead ? 'reset' : 'protocol';
  if (cause instanceof errors.RequestContentLengthMismatchError) return 'request_body';
  if (cause instanceof errors.SocketError) return cause.message.startsWith('bad ') ? 'protocol' : 'reset';
  if (cause instanceof errors.InvalidArgumentError || cause instanceof errors.NotSupportedError)
    return 'invalid_request';
  return 'reset';
}

export function describeCause(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

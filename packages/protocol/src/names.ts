/** The names that travel between services: one grammar each, so that every parser agrees on what a path segment may be. */

const STREAM = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const TRACK = /^[a-z][a-z0-9]{0,15}$/;
const EPOCH = /^[a-z0-9]{8,24}$/;
const NODE = /^[a-z0-9][a-z0-9-]{0,62}$/;
const SESSION = /^[A-Za-z0-9_-]{1,64}$/;

/** A stream's name: 1…64 of `A-Z a-z 0-9 _ -`, not starting with punctuation. */
export function isStreamName(value: unknown): value is string {
  return typeof value === 'string' && STREAM.test(value);
}

/** A track's id inside a stream, such as `v720` or `a0`. */
export function isTrackId(value: unknown): value is string {
  return typeof value === 'string' && TRACK.test(value);
}

/** An epoch's globally unique id; it stands in every media name, so no name is ever used twice. */
export function isEpochId(value: unknown): value is string {
  return typeof value === 'string' && EPOCH.test(value);
}

/** A node's id: a DNS label in lower case. */
export function isNodeId(value: unknown): value is string {
  return typeof value === 'string' && NODE.test(value);
}

/** The name of a zone or a failure domain: formed like a node's id, which is the failure domain of a node that names none. */
export function isZone(value: unknown): value is string {
  return isNodeId(value);
}

/** A viewer session's id: 1…64 of the base64url alphabet. */
export function isSessionId(value: unknown): value is string {
  return typeof value === 'string' && SESSION.test(value);
}

/**
 * Makes an epoch id from the wall clock and 40 random bits: sortable, and unique over restarts, origins and take-overs.
 * @param nowMs wall clock in milliseconds since 1970
 * @param random five random bytes
 */
export function makeEpochId(nowMs: number, random: Uint8Array): string {
  const tail = Array.from(random.subarray(0, 5), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return nowMs.toString(36).padStart(9, '0') + tail;
}

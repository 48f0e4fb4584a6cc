/**
 * The node pass: by it an edge that is asked by another knows that a node of its fleet asks. It is minted from the path keys,
 * which only nodes and the control plane hold, travels in a header between nodes, and is good for a few minutes.
 *
 *     n1.KID.NODE.PURPOSE.EXPIRES.MAC
 *
 * EXPIRES is seconds since 1970 in base 36. MAC is HMAC-SHA-256 of everything before its dot, cut to 128 bits, in base64url;
 * the leading `n1` is under it, so that no path token is ever a pass.
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import { isNodeId } from './names.ts';
import type { PathKeyring } from './path-token.ts';

/** `cmaf`: a stream's timeline and objects. `zone`: objects of a pull zone, for a viewer whom the child has let in. */
export type PassPurpose = 'cmaf' | 'zone';

/** How long a pass is good. A minter makes a new one long before. */
export const PASS_TTL_MS = 300_000;

const MAC_BYTES = 16;
const MAC_CHARS = 22;
/** Clocks of a fleet are this far apart at most. */
const CLOCK_LEEWAY_MS = 30_000;
const PASS = /^n1\.([A-Za-z0-9_-]{1,16})\.([a-z0-9-]{1,64})\.(cmaf|zone)\.([0-9a-z]{1,8})\.([A-Za-z0-9_-]{22})$/;

/**
 * Writes a pass with the current key.
 * @returns null while there is no key
 * @throws RangeError for what is no node's id
 */
export function mintNodePass(node: string, purpose: PassPurpose, keys: PathKeyring, nowMs: number): string | null {
  if (!isNodeId(node)) throw new RangeError('bad node id');
  if (keys.current === null) return null;
  const expiresS = Math.floor((nowMs + PASS_TTL_MS) / 1000);
  const signed = `n1.${keys.current.kid}.${node}.${purpose}.${expiresS.toString(36)}`;
  return `${signed}.${mac(signed, keys)}`;
}

/**
 * Checks a pass: its form, its key, its MAC in constant time, its purpose and its time.
 * @returns the node that shows it; null for any other text
 */
export function verifyNodePass(pass: string, purpose: PassPurpose, keys: PathKeyring, nowMs: number): string | null {
  const [, kid = '', node = '', given = '', expires = '', theirs = ''] = PASS.exec(pass) ?? [];
  const key = keys.byId.get(kid);
  if (key === undefined) return null;
  const ours = sign(pass.slice(0, -MAC_CHARS - 1), key);
  // The text, not its bytes: the last character has two bits that decoding drops.
  if (!timingSafeEqual(Buffer.from(ours, 'latin1'), Buffer.from(theirs, 'latin1'))) return null;
  const leftMs = Number.parseInt(expires, 36) * 1000 - nowMs;
  const isTimely = leftMs > -CLOCK_LEEWAY_MS && leftMs <= PASS_TTL_MS + CLOCK_LEEWAY_MS;
  return given === purpose && isTimely ? node : null;
}

function mac(signed: string, { current }: PathKeyring): string {
  if (current === null) throw new RangeError('no path key');
  return sign(signed, current.key);
}

function sign(signed: string, key: Parameters<typeof createHmac>[1]): string {
  return createHmac('sha256', key).update(signed, 'latin1').digest().toString('base64url', 0, MAC_BYTES);
}

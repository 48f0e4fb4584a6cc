/** Which origin publishes which stream. An origin may take a stream that nobody has, or whose holder has gone silent. */

import { isSameToken } from './kept-token.ts';
import type { Services } from './services.ts';
import type { StreamRecord } from './state/state.ts';

type Shared = Pick<Services, 'state' | 'fleet' | 'clock' | 'events'>;

/** A heartbeat may have been written before the claim that it does not name; a younger claim is left alone. */
const GRACE_MS = 5_000;

export type ClaimOutcome =
  | { readonly ok: true; readonly stream: StreamRecord }
  | { readonly ok: false; readonly code: 'stream_not_found' | 'publish_denied' | 'stream_claimed' };

/** An origin asks for a stream, with the publisher's key. */
export async function claimStream(
  shared: Shared,
  request: { readonly stream: string; readonly key: string; readonly origin: string },
): Promise<ClaimOutcome> {
  const stream = await shared.state.stream(request.stream);
  if (stream === null) return { ok: false, code: 'stream_not_found' };
  if (!isSameToken(request.key, stream.key)) return { ok: false, code: 'publish_denied' };
  const taken = await takeOver(shared, stream, { origin: request.origin, why: 'publish' });
  return taken ? { ok: true, stream } : { ok: false, code: 'stream_claimed' };
}

/** An origin gives a stream back. False when it is not (any more) its. */
export async function releaseStream(shared: Shared, stream: StreamRecord, origin: string): Promise<boolean> {
  if (stream.origin !== origin) return false;
  const released = await move(shared, stream, null);
  if (released) shared.events.claimMoved(stream.name, origin, null, 'released');
  return released;
}

/**
 * Brings the claims into line with what an origin says is on air at it: a publish it let in while we were away is claimed, one
 * that it no longer has is released, and the ordinals of its epochs are kept.
 */
export async function reconcileClaims(
  shared: Shared,
  origin: string,
  onAir: readonly { readonly name: string; readonly epochOrdinal: number }[],
): Promise<void> {
  const { state, clock, events } = shared;
  const ordinals = new Map(onAir.map(({ name, epochOrdinal }) => [name, epochOrdinal]));
  for (const stream of await state.streams()) {
    const ordinal = ordinals.get(stream.name);
    if (ordinal === undefined) {
      const settled = clock.nowMs() - stream.claimedAtMs > GRACE_MS;
      if (stream.origin !== origin || !settled || !(await move(shared, stream, null))) continue;
      events.claimMoved(stream.name, origin, null, 'no longer on air');
    } else if (await takeOver(shared, stream, { origin, why: 'on air' })) {
      await state.noteEpoch(stream.name, ordinal);
    }
  }
}

/** True when the stream is the origin's, now or already. */
async function takeOver(shared: Shared, stream: StreamRecord, to: { origin: string; why: string }): Promise<boolean> {
  if (stream.origin === to.origin && to.why === 'on air') return true;
  const holder = stream.origin === null ? null : shared.fleet.member(stream.origin);
  if (stream.origin !== to.origin && holder?.record.healthy === true) return false;
  if (!(await move(shared, stream, to.origin))) return false;
  if (stream.origin !== to.origin) shared.events.claimMoved(stream.name, stream.origin, to.origin, to.why);
  return true;
}

async function move({ state, clock }: Shared, stream: StreamRecord, to: string | null): Promise<boolean> {
  return state.moveClaim(stream.name, { from: stream.origin, to, atMs: clock.nowMs() });
}

/** What an origin says that it holds, in each heartbeat. */

import type { Heartbeat } from '@headwater/protocol/node';

/**
 * Every stream that has a publisher or waits for its return, also before its first epoch (ordinal -1): the control plane takes
 * the claim of one that is not named for given up.
 */
export function heldStreams(
  broadcasts: ReadonlyMap<string, unknown>,
  streams: { get(name: string): { readonly epoch: { readonly ordinal: number } | undefined } | undefined },
): NonNullable<Heartbeat['streams']> {
  return [...broadcasts.keys()].map((name) => ({ name, epochOrdinal: streams.get(name)?.epoch?.ordinal ?? -1 }));
}

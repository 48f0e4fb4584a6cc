/** What one of several workers may use of what its node may use. */

import type { AddressCap } from '@headwater/protocol/address-cap';
import type { EdgeConfig } from '../config.ts';

/** A node's memory, connections and requests are divided; what bounds one object or one request is the same everywhere. */
export function shareOf(config: EdgeConfig): EdgeConfig {
  const { limits, workers } = config;
  const share = (whole: number): number => Math.ceil(whole / workers);
  // 0 is no cap. All of them together let in no more than the node would.
  const shareOfBound = (whole: number): number => (whole === 0 ? 0 : Math.max(1, Math.floor(whole / workers)));
  const shareOfCap = ({ loopback, elsewhere }: AddressCap): AddressCap => ({
    loopback: shareOfBound(loopback),
    elsewhere: shareOfBound(elsewhere),
  });
  return {
    ...config,
    limits: {
      ...limits,
      ramBytes: share(limits.ramBytes),
      diskBytes: share(limits.diskBytes),
      connections: share(limits.connections),
      connectionsPerAddress: shareOfCap(limits.connectionsPerAddress),
      requestsPerSecondPerAddress: shareOfCap(limits.requestsPerSecondPerAddress),
      waiters: share(limits.waiters),
      fills: share(limits.fills),
      prefetches: share(limits.prefetches),
      // Each must have room for an object of any size that is served.
      fillBytes: Math.max(share(limits.fillBytes), limits.objectBytes),
      unsentBytes: share(limits.unsentBytes),
    },
  };
}

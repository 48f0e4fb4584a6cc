/** What one of several workers may use of what its node may use. */

import type { EdgeConfig } from '../config.ts';

/**
 * A node's memory, connections and requests are divided; what bounds one object or one request is the same everywhere, and
 * so is what bounds an address: of that all keep count together.
 */
export function shareOf(config: EdgeConfig): EdgeConfig {
  const { limits, workers } = config;
  const share = (whole: number): number => Math.ceil(whole / workers);
  return {
    ...config,
    limits: {
      ...limits,
      ramBytes: share(limits.ramBytes),
      diskBytes: share(limits.diskBytes),
      connections: share(limits.connections),
      waiters: share(limits.waiters),
      fills: share(limits.fills),
      prefetches: share(limits.prefetches),
      // Each must have room for an object of any size that is served.
      fillBytes: Math.max(share(limits.fillBytes), limits.objectBytes),
      unsentBytes: share(limits.unsentBytes),
    },
  };
}

/** A name may not lead where an address may not: whoever makes a zone may make its names, too. */

import type { LookupFunction } from 'node:net';
import { isForbidden } from '@headwater/protocol/zone';

/** Looks a name up, and fails for one that has an address which no zone may pull from. */
export function allowedLookup(lookup: LookupFunction): LookupFunction {
  return (hostname, options, callback) =>
    lookup(hostname, options, (error, found, family) => {
      const addresses = Array.isArray(found) ? found.map(({ address }) => address) : [found];
      const isRefused = error === null && addresses.some((address) => isForbidden(address));
      callback(isRefused ? new Error(`${hostname} is at an address that is not to be asked`) : error, found, family);
    });
}

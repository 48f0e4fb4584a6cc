/** The name of what a pull zone's request is for. */

import type { ZoneEntry } from '@headwater/protocol/zone';

/**
 * @param host `''` where the zone names no hosts: who asks under another name then asks for the same
 * @param path with its query
 */
export function keyOf({ name }: Pick<ZoneEntry, 'name'>, host: string, path: string): string {
  return `${name}\n${host}\n${path}`;
}

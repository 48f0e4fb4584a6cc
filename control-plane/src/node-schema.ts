/** What nodes say of themselves, and what is told of them, as schemas. */

import { isNodeId, isZone } from '@headwater/protocol/names';
import { z } from 'zod';

const URL_TEXT = z
  .string()
  .max(300)
  .refine((text) => URL.canParse(text), 'is no URL; an IPv6 address stands in brackets');
export const PLACE = z.strictObject({
  latitude: z.number().min(-90).max(90),
  longitude: z.number().min(-180).max(180),
});
const AMOUNT = z.number().min(0).max(Number.MAX_SAFE_INTEGER);

export const NODE_ROLE = z.enum(['edge', 'origin', 'geo']);
export const ZONE = z.string().refine(isZone, 'wants a DNS label in lower case');

/** `/v1/nodes/join` is where nodes come in: one of that name could be neither looked at nor removed. */
function isFreeId(text: string): boolean {
  return isNodeId(text) && text !== 'join';
}

export const NODE = z
  .strictObject({
    id: z.string().refine(isFreeId, 'wants a DNS label in lower case other than join'),
    role: NODE_ROLE,
    url: URL_TEXT.regex(/^https?:\/\/[^/?#\s]+$/, 'wants http(s)://HOST:PORT'),
    rtmpUrl: URL_TEXT.regex(/^rtmp:\/\/[^/?#\s]+$/, 'wants rtmp://HOST:PORT').exactOptional(),
    rtmpsUrl: URL_TEXT.regex(/^rtmps:\/\/[^/?#\s]+$/, 'wants rtmps://HOST:PORT').exactOptional(),
    place: PLACE.nullable(),
    zone: ZONE,
    failureDomain: ZONE,
    capacityBitsPerSecond: AMOUNT,
    version: z.string().max(64),
  })
  .meta({ id: 'NodeDescription' });

export const LOAD = z
  .strictObject({
    cpu: AMOUNT,
    egressBytesPerSecond: AMOUNT,
    connections: AMOUNT,
    loopLagMs: AMOUNT,
    requestsPerSecond: AMOUNT,
    errorsPerSecond: AMOUNT,
  })
  .meta({ id: 'Load' });

export const NODE_RECORD = z
  .strictObject({
    ...NODE.shape,
    generation: z.int().describe('of two instances of one id the one with the higher is the node'),
    healthy: z.boolean(),
    draining: z.boolean(),
    servingSinceMs: z.int().nullable().describe('wall clock; null until it has passed its probe'),
    load: LOAD,
  })
  .meta({ id: 'NodeRecord' });

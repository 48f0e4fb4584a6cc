/** Content steering: which of the edges that a player's manifest names it should use next. */

import { clientAddress } from '@headwater/protocol/client-address';
import { parseSteering, STEERING_TTL_SECONDS, steeringManifest, steeringPath } from '@headwater/protocol/steering';
import { type Door, type DoorRequest, rankFor } from './door.ts';

/**
 * The body of a steering manifest; null for a question that is none. Tells of edges alone, so it wants no token. A player that
 * is told to stay brings that back with its next question: if it has left by then, its edge failed it.
 */
export function answerSteering(
  request: Pick<DoorRequest, 'origin' | 'url' | 'socketAddress' | 'forwardedFor'>,
  door: Door,
): string | null {
  const question = parseSteering(request.url);
  if (question === null) return null;
  const address = clientAddress(request.socketAddress, request.forwardedFor, door.trustedProxies);
  const location = door.locate(address);
  const { protocol, stream, pathways, current, stayed } = question;
  if (stayed !== null && current !== null && current !== stayed) door.departures.left(stayed, address);
  const known = rankFor({ stream, address, location, among: pathways }, door).map(({ edge }) => edge.id);
  // A pathway whose edge is no longer in the fleet comes last: the player knows no other.
  const gone = pathways.filter((id) => !known.includes(id));
  const ttlSeconds = door.state.settingsOf(door.nodeId, stream).steeringTtlSeconds ?? STEERING_TTL_SECONDS;
  const stays = current !== null && current === known[0];
  if (stays) door.departures.stayed(current, address);
  const next = steeringPath(protocol, { stream, pathways, stayed: stays ? current : null });
  return steeringManifest({ priority: [...known, ...gone], ttlSeconds, reloadUrl: `${request.origin}${next}` });
}

/** Content steering: which of the edges that a player's manifest names it should use next. */

import { clientAddress } from '@headwater/protocol/client-address';
import { parseSteering, STEERING_TTL_SECONDS, steeringManifest, steeringPath } from '@headwater/protocol/steering';
import { type Door, type DoorRequest, rankFor } from './door.ts';
import { type RankedEdge, drawOf } from './rank.ts';

/** Of an overloaded edge's players this share goes at a time: loads are told late, and all at once would drown the next edge. */
const RELIEF_SHARE = 1 / 8;

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
  // Who asks names the pathways; only of the fleet's own is anything remembered.
  const hasLeft = stayed !== null && current !== null && current !== stayed && door.state.nodes.has(stayed);
  if (hasLeft) door.departures.left(stayed, address);
  const ranked = rankFor({ stream, address, location, among: pathways }, door);
  const ttlSeconds = door.state.settingsOf(door.nodeId, stream).steeringTtlSeconds ?? STEERING_TTL_SECONDS;
  const turn = drawOf(address, Math.floor(door.clock.nowMs() / (ttlSeconds * 1_000)));
  const known = steadied(ranked, current, turn).map(({ edge }) => edge.id);
  // A pathway whose edge is no longer in the fleet comes last: the player knows no other.
  const gone = pathways.filter((id) => !known.includes(id));
  const stays = current !== null && current === known[0];
  if (stays) door.departures.stayed(current, address);
  const next = steeringPath(protocol, { stream, pathways, stayed: stays ? current : null });
  return steeringManifest({ priority: [...known, ...gone], ttlSeconds, reloadUrl: `${request.origin}${next}` });
}

/** A player stays where it is while no other edge is better: which of equals takes more is a question of those who come. */
function steadied(ranked: readonly RankedEdge[], current: string | null, turn: number): readonly RankedEdge[] {
  const [best] = ranked;
  const mine = ranked.find(({ edge }) => edge.id === current);
  if (best === undefined || mine === undefined || !staysBeside(mine, best, turn)) return ranked;
  return [mine, ...ranked.filter((one) => one !== mine)];
}

function staysBeside(mine: RankedEdge, best: RankedEdge, turn: number): boolean {
  const [here, there] = [mine.standing, best.standing];
  if (here.isElsewhere !== there.isElsewhere) return false;
  if (mine.condition === 'busy' && best.condition !== 'busy') return turn >= RELIEF_SHARE;
  return mine.condition === best.condition && here.zonePreference === there.zonePreference && here.band === there.band;
}

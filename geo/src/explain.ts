/** Why a viewer is sent where, for operators. */

import {
  type ExplainQuestion,
  type ExplainedEdge,
  type Explanation,
  OWN_ISSUER,
  readExplainQuestion,
} from '@headwater/protocol/explanation';
import { type Door, policyFor, rankFor } from './door.ts';
import { type RankedEdge, ruleFor } from './rank.ts';

/** The question of an Authorization header; null unless the control plane has signed it. */
export function questionOf(authorization: string | undefined, { state, clock }: Door): ExplainQuestion | null {
  const [, token = ''] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? [];
  return readExplainQuestion(token, state.issuers.get(OWN_ISSUER), clock.nowMs());
}

/** Ranks the whole fleet for a viewer, as the door would at this moment. */
export function explain({ address, stream }: ExplainQuestion, door: Door): Explanation {
  const location = door.locate(address);
  const ranked = rankFor({ stream, address, location, limit: Infinity }, door);
  const rule = ruleFor({ ...location, address, stream }, policyFor(stream, door)) ?? null;
  const edges = ranked.map((one, index) => describe(one, index, ranked));
  return { stream, geo: door.nodeId, viewer: { address, ...location }, rule, edges };
}

function describe(one: RankedEdge, index: number, ranked: readonly RankedEdge[]): ExplainedEdge {
  const { edge, condition, distanceKm, load, reasons } = one;
  return {
    rank: index + 1,
    id: edge.id,
    url: edge.url,
    zone: edge.zone,
    failureDomain: edge.failureDomain,
    condition,
    distanceKm: distanceKm === null ? null : Math.round(distanceKm),
    load: Math.round(load * 100) / 100,
    reasons,
    notTaken: index === 0 ? null : whyNot(one, index, ranked),
  };
}

/** The first thing by which it stands behind the one that is taken, as `rankEdges` compares. */
function whyNot(one: RankedEdge, index: number, ranked: readonly RankedEdge[]): string {
  const first = ranked[0] as RankedEdge;
  const { id } = first.edge;
  const passedOver = ranked.slice(1, index).some(({ standing }) => standing.order > one.standing.order);
  if (passedOver && one.edge.failureDomain === first.edge.failureDomain) {
    return `would fail together with ${id} (${one.edge.failureDomain}), so others come before it`;
  }
  const [mine, theirs] = [one.standing, first.standing];
  if (mine.isElsewhere !== theirs.isElsewhere) return `the rule is for other zones, and ${id} is in one of them`;
  if (one.condition !== first.condition) return `it is ${one.condition}, and ${id} ${first.condition}`;
  if (mine.zonePreference !== theirs.zonePreference) return `the rule prefers the zone of ${id} (${first.edge.zone})`;
  if (mine.band !== theirs.band) return `${id} is nearer: ${distanceOf(first)} against ${distanceOf(one)}`;
  if (mine.overBound !== theirs.overBound) return 'it carries more than its share already';
  return `equal to ${id}, and the stream\u2019s hash prefers that`;
}

function distanceOf({ distanceKm }: RankedEdge): string {
  return distanceKm === null ? 'unknown' : `${Math.round(distanceKm)} km`;
}

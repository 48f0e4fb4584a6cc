/** Which edges a viewer should be sent to, best first, and why. Pure: the same fleet and viewer give the same answer. */

import { createHash } from 'node:crypto';
import type { Load, NodeRecord, Place } from '@headwater/protocol/node';

/** Who asks. */
export interface Viewer {
  /** null when nothing is known */
  readonly place: Place | null;
  /** spreads viewers evenly over edges that are equally good; the same key meets the same edge */
  readonly key: string;
}

type EdgeCondition = 'serving' | 'busy' | 'draining' | 'down';

export interface RankedEdge {
  readonly edge: NodeRecord;
  readonly condition: EdgeCondition;
  /** along the surface of the Earth; null when either place is unknown */
  readonly distanceKm: number | null;
  /** 0…1 of what it can take */
  readonly load: number;
  /** in words, for people */
  readonly reasons: readonly string[];
}

/** Edges whose distances fall into one band of this width are equally near; 250 km of fibre are about 2.5 ms there and back. */
const DISTANCE_BAND_KM = 250;
/** Loads are compared in steps, so that a passing difference does not send every new viewer to one edge. */
const LOAD_STEP = 0.1;
/** From here on an edge comes after all that are less loaded, however near it is. */
const BUSY_LOAD = 0.9;
/** An event loop that lags this much has nothing left to give. */
const FULL_LOOP_LAG_MS = 200;
/** Half-way round; what an unknown distance counts as. */
const FARTHEST_KM = 20_038;
const EARTH_RADIUS_KM = 6_371;

const ORDER: readonly EdgeCondition[] = ['serving', 'busy', 'draining', 'down'];

/**
 * Ranks the edges of a fleet: those that serve, then the overloaded, the draining and the unhealthy; among these by distance
 * band, then by load step, then spread by the viewer's key. Nothing is left out: when all edges look down, it may be the one
 * who looks that is cut off, and an old answer is better than none.
 */
export function rankEdges(nodes: Iterable<NodeRecord>, viewer: Viewer): RankedEdge[] {
  const ranked: { readonly entry: RankedEdge; readonly weight: string }[] = [];
  for (const edge of nodes) {
    if (edge.role !== 'edge') continue;
    const distanceKm = edge.place === null || viewer.place === null ? null : distance(edge.place, viewer.place);
    const load = loadOf(edge.load);
    const condition = conditionOf(edge, load);
    const entry = { edge, condition, distanceKm, load, reasons: explain(condition, distanceKm, load) };
    ranked.push({ entry, weight: spread(viewer.key, edge.id) });
  }
  ranked.sort((a, b) => compare(a.entry, b.entry) || (a.weight < b.weight ? -1 : 1));
  return ranked.map(({ entry }) => entry);
}

function compare(a: RankedEdge, b: RankedEdge): number {
  return (
    ORDER.indexOf(a.condition) - ORDER.indexOf(b.condition) ||
    band(a.distanceKm) - band(b.distanceKm) ||
    Math.floor(a.load / LOAD_STEP) - Math.floor(b.load / LOAD_STEP)
  );
}

function conditionOf(edge: NodeRecord, load: number): EdgeCondition {
  if (!edge.healthy) return 'down';
  if (edge.draining) return 'draining';
  return load >= BUSY_LOAD ? 'busy' : 'serving';
}

/** The scarcer of processor time and the event loop's patience. */
function loadOf(load: Load): number {
  return Math.min(1, Math.max(0, load.cpu, load.loopLagMs / FULL_LOOP_LAG_MS));
}

function band(distanceKm: number | null): number {
  return Math.floor((distanceKm ?? FARTHEST_KM) / DISTANCE_BAND_KM);
}

/** Rendezvous hashing: an edge that comes or goes moves only the viewers it gains or loses. */
function spread(key: string, edgeId: string): string {
  return createHash('sha256').update(`${key}\n${edgeId}`).digest('hex');
}

function explain(condition: EdgeCondition, distanceKm: number | null, load: number): string[] {
  const reasons = {
    serving: 'healthy',
    busy: `overloaded: at least ${BUSY_LOAD * 100}% of what it can take`,
    draining: 'draining: takes no new viewers while another can',
    down: 'no heartbeat: used only when nothing else is there',
  };
  return [
    reasons[condition],
    distanceKm === null ? 'distance unknown' : `${Math.round(distanceKm)} km away`,
    `load ${Math.round(load * 100)}%`,
  ];
}

/** The great-circle distance in km, by the haversine formula. */
function distance(a: Place, b: Place): number {
  const latitude = radians(b.latitude - a.latitude);
  const longitude = radians(b.longitude - a.longitude);
  const chord =
    Math.sin(latitude / 2) ** 2 +
    Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * Math.sin(longitude / 2) ** 2;
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(chord)));
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}

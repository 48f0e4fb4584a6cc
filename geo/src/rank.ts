/** Which edges a viewer should be sent to, best first, and why. Pure: the same fleet, viewer and policy give the same answer. */

import { isInPrefix, parseIpPrefix } from '@headwater/protocol/ip-prefix';
import type { Load, NodeRecord, Place } from '@headwater/protocol/node';
import type { RankingPolicy, RankingRule } from '@headwater/protocol/settings';

/** Who asks, and for what. */
export interface Viewer {
  /** null when nothing is known */
  readonly place: Place | null;
  readonly address: string;
  readonly country: string | null;
  readonly asn: number | null;
  readonly stream: string;
}

/** From the best to the worst. Nothing is left out: when all look down, it may be the one who looks that is cut off. */
const CONDITIONS = ['serving', 'starting', 'busy', 'suspect', 'probing', 'draining', 'partitioned', 'down'] as const;
type EdgeCondition = (typeof CONDITIONS)[number];

/** An edge as the one who ranks sees it: what the feed tells, and what was remembered and found out besides. */
export interface EdgeView {
  readonly node: NodeRecord;
  /** it answers here, or nobody asked; false: it does not */
  readonly answers: boolean;
  /** it was overloaded and has not recovered; see {@link RankingPolicy} */
  readonly busy: boolean;
  /** it came and went too often lately */
  readonly suspect: boolean;
  /** viewers sent to it since it last told its load */
  readonly pendingViewers: number;
}

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

/** What a policy does not say. */
export const DEFAULT_POLICY = {
  busyFromLoad: 0.9,
  busyUntilLoad: 0.75,
  slowStartSeconds: 30,
  boundedLoadFactor: 1.25,
} as const;

interface RankOptions {
  readonly policy?: RankingPolicy;
  readonly nowMs: number;
  /** so many are enough */
  readonly limit?: number;
}

/** Edges whose distances fall into one band of this width are equally near; 250 km of fibre are about 2.5 ms there and back. */
const DISTANCE_BAND_KM = 250;
/** An event loop that lags this much has nothing left to give. */
const FULL_LOOP_LAG_MS = 200;
/** Below it an edge takes a stream's viewers whatever the others do. */
const BOUND_FLOOR = 0.1;
/** What a viewer takes until the load tells. */
const VIEWER_BITS_PER_SECOND = 3_000_000;
/** An edge in slow start begins with this share of the viewers that it would get. */
const FIRST_SHARE = 0.05;
/** Half-way round; what an unknown distance counts as. */
const FARTHEST_KM = 20_038;
const EARTH_RADIUS_KM = 6_371;

interface Candidate {
  readonly view: EdgeView;
  readonly condition: EdgeCondition;
  readonly distanceKm: number | null;
  readonly load: number;
  readonly zonePreference: number;
  /** of equals the stream prefers the highest */
  readonly weight: number;
  /** how much it carries compared with its equals; set once these are known */
  overBound: boolean;
}

/**
 * Ranks the edges of a fleet. First their condition, then what the policy's rule says of zones, then distance; edges that are
 * equal by these share the streams by weighted rendezvous hashing, so a stream stays on few edges, and one that carries more
 * than its share of the load passes viewers on to the stream's next. The second choice fails apart from the first.
 */
export function rankEdges(fleet: readonly EdgeView[], viewer: Viewer, options: RankOptions): RankedEdge[] {
  const { policy = {}, nowMs, limit = Infinity } = options;
  const rule = policy.rules?.find((candidate) => fits(candidate, viewer));
  const streamHash = hashOf(viewer.stream);
  const viewerHash = hashOf(viewer.address);
  const candidates = fleet.map((view): Candidate => {
    const { node } = view;
    const distanceKm = node.place === null || viewer.place === null ? null : distance(node.place, viewer.place);
    const condition = conditionOf(view, { policy, nowMs, viewerHash });
    const zonePreference = preferenceOf(node.zone, rule);
    const weight = weightOf(node, streamHash);
    return {
      view,
      condition,
      distanceKm,
      load: loadOf(node, view.pendingViewers),
      zonePreference,
      weight,
      overBound: false,
    };
  });
  markOverBound(candidates, policy.boundedLoadFactor ?? DEFAULT_POLICY.boundedLoadFactor);
  const isExclusive = rule?.exclusive === true;
  candidates.sort((a, b) => compare(a, b, isExclusive));
  return apartFromFirst(candidates)
    .slice(0, limit)
    .map((candidate) => explained(candidate, rule));
}

/** Of what it can take, the scarcest: processor time, the event loop's patience, or the line. */
export function loadOf({ load, capacityBitsPerSecond }: NodeRecord, pendingViewers = 0): number {
  const bits = load.egressBytesPerSecond * 8 + pendingViewers * VIEWER_BITS_PER_SECOND;
  return Math.min(1, Math.max(processLoad(load), bits / Math.max(1, capacityBitsPerSecond)));
}

function processLoad({ cpu, loopLagMs }: Load): number {
  return Math.max(cpu, loopLagMs / FULL_LOOP_LAG_MS);
}

function compare(a: Candidate, b: Candidate, isExclusive: boolean): number {
  return (
    // Exclusively these zones: what serves elsewhere comes after what is merely busy here.
    (isExclusive ? Number(isElsewhere(a)) - Number(isElsewhere(b)) : 0) ||
    CONDITIONS.indexOf(a.condition) - CONDITIONS.indexOf(b.condition) ||
    a.zonePreference - b.zonePreference ||
    band(a.distanceKm) - band(b.distanceKm) ||
    Number(a.overBound) - Number(b.overBound) ||
    b.weight - a.weight
  );
}

/** Another zone than the rule's, or one of them that cannot serve. */
function isElsewhere({ condition, zonePreference }: Candidate): boolean {
  return zonePreference === Infinity || CONDITIONS.indexOf(condition) > CONDITIONS.indexOf('busy');
}

function conditionOf(
  { node, answers, busy, suspect }: EdgeView,
  {
    policy,
    nowMs,
    viewerHash,
  }: { readonly policy: RankingPolicy; readonly nowMs: number; readonly viewerHash: number },
): EdgeCondition {
  if (!answers) return 'down';
  if (!node.healthy) return 'partitioned';
  if (node.draining) return 'draining';
  if (node.servingSinceMs === null) return 'probing';
  if (suspect) return 'suspect';
  if (busy) return 'busy';
  const slowStartMs = (policy.slowStartSeconds ?? DEFAULT_POLICY.slowStartSeconds) * 1000;
  const share = slowStartMs === 0 ? 1 : FIRST_SHARE + (nowMs - node.servingSinceMs) / slowStartMs;
  // Which viewers a young edge gets is theirs alone to say, so that each keeps its edge.
  return mix(viewerHash ^ hashOf(node.id)) / 2 ** 32 < share ? 'serving' : 'starting';
}

/** Bounded load: among equals, one that carries much more than their mean lets a stream's next edge take over. */
function markOverBound(candidates: readonly Candidate[], factor: number): void {
  const sums = new Map<number, { total: number; count: number }>();
  const serving = candidates.filter(({ condition }) => condition === 'serving');
  for (const { distanceKm, load } of serving) {
    const sum = sums.get(band(distanceKm)) ?? { total: 0, count: 0 };
    sums.set(band(distanceKm), { total: sum.total + load, count: sum.count + 1 });
  }
  for (const candidate of serving) {
    const { total = 0, count = 1 } = sums.get(band(candidate.distanceKm)) ?? {};
    candidate.overBound = candidate.load > Math.max(BOUND_FLOOR, (factor * total) / count);
  }
}

/** A viewer's way out must not fail with its way in: those apart from the first come next, in their order. */
function apartFromFirst(candidates: readonly Candidate[]): readonly Candidate[] {
  const [first, ...rest] = candidates;
  if (first === undefined) return candidates;
  const domain = first.view.node.failureDomain;
  const isBackup = ({ condition, view }: Candidate): boolean =>
    CONDITIONS.indexOf(condition) <= CONDITIONS.indexOf('busy') && view.node.failureDomain !== domain;
  return [first, ...rest.filter(isBackup), ...rest.filter((candidate) => !isBackup(candidate))];
}

function fits(rule: RankingRule, { address, country, asn, stream }: Viewer): boolean {
  const { prefixes, countries, asns, streams } = rule;
  return (
    (prefixes?.some((text) => contains(text, address)) ?? true) &&
    (countries?.includes(country ?? '') ?? true) &&
    (asns?.includes(asn ?? -1) ?? true) &&
    (streams?.includes(stream) ?? true)
  );
}

function contains(text: string, address: string): boolean {
  const prefix = parseIpPrefix(text);
  return prefix !== null && isInPrefix(address, prefix);
}

function preferenceOf(zone: string, rule: RankingRule | undefined): number {
  const place = rule?.zones.indexOf(zone) ?? 0;
  return place < 0 ? Infinity : place;
}

function band(distanceKm: number | null): number {
  return Math.floor((distanceKm ?? FARTHEST_KM) / DISTANCE_BAND_KM);
}

/** Weighted rendezvous hashing: an edge that comes or goes moves only the streams that it gains or loses. */
function weightOf({ id, capacityBitsPerSecond }: NodeRecord, streamHash: number): number {
  const uniform = (mix(streamHash ^ hashOf(id)) + 1) / (2 ** 32 + 1);
  return -capacityBitsPerSecond / Math.log(uniform);
}

const hashes = new Map<string, number>();
const HASH_MEMORY = 10_000;

/** FNV-1a of a short text; those of nodes and hot streams are remembered. */
function hashOf(text: string): number {
  const known = hashes.get(text);
  if (known !== undefined) return known;
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  if (hashes.size >= HASH_MEMORY) hashes.clear();
  hashes.set(text, hash >>> 0);
  return hash >>> 0;
}

/** Spreads every bit over all (MurmurHash3's finalizer). */
function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const WORDS: Readonly<Record<EdgeCondition, string>> = {
  serving: 'healthy',
  starting: 'in slow start: takes a growing share of viewers',
  busy: 'overloaded',
  suspect: 'came and went too often lately',
  probing: 'not yet found ready',
  draining: 'draining: takes no new viewers while another can',
  partitioned: 'answers, but the control plane has lost it',
  down: 'does not answer: used only when nothing else is there',
};

function explained(candidate: Candidate, rule: RankingRule | undefined): RankedEdge {
  const { view, condition, distanceKm, load, zonePreference, overBound } = candidate;
  const zone =
    zonePreference === Infinity ? `zone ${view.node.zone} is not the rule's` : `zone ${view.node.zone} by rule`;
  const reasons = [
    WORDS[condition],
    ...(rule === undefined ? [] : [zone]),
    distanceKm === null ? 'distance unknown' : `${Math.round(distanceKm)} km away`,
    `load ${Math.round(load * 100)}%`,
    ...(overBound ? ['carries more than its share'] : []),
  ];
  return { edge: view.node, condition, distanceKm, load, reasons };
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

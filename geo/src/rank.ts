/** Which edges a viewer should be sent to, best first, and why. Pure: the same fleet, viewer and policy give the same answer. */

import { NetworkMap } from '@headwater/protocol/network-map';
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

/** It came and went too often, too many of its answers failed, or players left it by themselves. */
export type Suspicion = 'flapping' | 'failing' | 'left';

/** An edge as the one who ranks sees it: what the feed tells, and what was remembered and found out besides. */
export interface EdgeView {
  readonly node: NodeRecord;
  /** it answers here, or nobody asked; false: it does not */
  readonly answers: boolean;
  /** it was overloaded and has not recovered; see {@link RankingPolicy} */
  readonly busy: boolean;
  /** why it is not trusted, where it is not */
  readonly suspicion: Suspicion | null;
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
  readonly standing: Standing;
}

/** What edges are compared by, from the first thing to the last. */
interface Standing {
  /** all of the following together, but the hash: the lower the better */
  readonly order: number;
  /** by an exclusive rule its viewers go elsewhere */
  readonly isElsewhere: boolean;
  readonly zonePreference: number;
  /** of distance */
  readonly band: number;
  readonly overBound: boolean;
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
  /** the lower the better; of the same the weight decides */
  order: number;
  /** it carries more than its share; known once its equals are, which have the same order until then */
  overBound: boolean;
}

/**
 * Ranks the edges of a fleet. First their condition, then what the policy's rule says of zones, then distance; edges that are
 * equal by these share the streams by weighted rendezvous hashing, so a stream stays on few edges, and one that carries more
 * than its share of the load passes viewers on to the stream's next. The second choice fails apart from the first.
 */
export function rankEdges(fleet: readonly EdgeView[], viewer: Viewer, options: RankOptions): RankedEdge[] {
  const { policy = {}, nowMs, limit = Infinity } = options;
  const rule = ruleFor(viewer, policy);
  const streamHash = hashOf(viewer.stream);
  const viewerHash = hashOf(viewer.address);
  const from = viewer.place === null ? null : directionOf(viewer.place);
  const candidates = fleet.map((view): Candidate => {
    const { node, pendingViewers } = view;
    const { hash, direction } = factsOf(node);
    return {
      view,
      condition: conditionOf(view, { policy, nowMs, draw: mix(viewerHash ^ hash) / 2 ** 32 }),
      distanceKm: direction === null || from === null ? null : distance(direction, from),
      load: loadOf(node, pendingViewers),
      zonePreference: preferenceOf(node.zone, rule),
      weight: weightOf(node.capacityBitsPerSecond, mix(streamHash ^ hash)),
      overBound: false,
      order: 0,
    };
  });
  for (const candidate of candidates) candidate.order = orderOf(candidate, rule?.exclusive === true);
  markOverBound(candidates, policy.boundedLoadFactor ?? DEFAULT_POLICY.boundedLoadFactor);
  return apartFromFirst(candidates, limit).map((candidate) => explained(candidate, rule));
}

/** The rule of a policy that counts for a viewer. */
export function ruleFor(viewer: Viewer, policy: RankingPolicy): RankingRule | undefined {
  return policy.rules?.find((candidate) => fits(candidate, viewer));
}

/** Of what it can take, the scarcest: processor time, the event loop's patience, or the line. */
export function loadOf({ load, capacityBitsPerSecond }: NodeRecord, pendingViewers = 0): number {
  const bits = load.egressBytesPerSecond * 8 + pendingViewers * VIEWER_BITS_PER_SECOND;
  return Math.min(1, Math.max(processLoad(load), bits / Math.max(1, capacityBitsPerSecond)));
}

function processLoad({ cpu, loopLagMs }: Load): number {
  return Math.max(cpu, loopLagMs / FULL_LOOP_LAG_MS);
}

/** What is compared after another stands in lower digits; more zones or bands than these are the last one. */
const DIGITS = { band: 10, zone: 1e4, condition: 1e8, elsewhere: 1e10 } as const;
const LAST_ZONE = 9_999;

function orderOf(candidate: Candidate, isExclusive: boolean): number {
  const { condition, zonePreference, distanceKm } = candidate;
  return (
    // Exclusively these zones: what serves elsewhere comes after what is merely busy here.
    (isExclusive && isElsewhere(candidate) ? DIGITS.elsewhere : 0) +
    CONDITIONS.indexOf(condition) * DIGITS.condition +
    Math.min(zonePreference, LAST_ZONE) * DIGITS.zone +
    band(distanceKm) * DIGITS.band
  );
}

function isBetter(a: Candidate, b: Candidate): boolean {
  return a.order < b.order || (a.order === b.order && a.weight > b.weight);
}

/** Another zone than the rule's, or one of them that cannot serve. */
function isElsewhere({ condition, zonePreference }: Candidate): boolean {
  return zonePreference === Infinity || CONDITIONS.indexOf(condition) > CONDITIONS.indexOf('busy');
}

function conditionOf(
  { node, answers, busy, suspicion }: EdgeView,
  { policy, nowMs, draw }: { readonly policy: RankingPolicy; readonly nowMs: number; readonly draw: number },
): EdgeCondition {
  if (!answers) return 'down';
  if (!node.healthy) return 'partitioned';
  if (node.draining) return 'draining';
  if (node.servingSinceMs === null) return 'probing';
  if (suspicion !== null) return 'suspect';
  if (busy) return 'busy';
  const slowStartMs = (policy.slowStartSeconds ?? DEFAULT_POLICY.slowStartSeconds) * 1000;
  const share = slowStartMs === 0 ? 1 : FIRST_SHARE + (nowMs - node.servingSinceMs) / slowStartMs;
  // Which viewers a young edge gets is theirs alone to say, so that each keeps its edge.
  return draw < share ? 'serving' : 'starting';
}

/** Bounded load: among equals, one that carries much more than their mean lets a stream's next edge take over. */
function markOverBound(candidates: readonly Candidate[], factor: number): void {
  const sums = new Map<number, { total: number; count: number }>();
  const serving = candidates.filter(({ condition }) => condition === 'serving');
  for (const { order, load } of serving) {
    const sum = sums.get(order) ?? { total: 0, count: 0 };
    sums.set(order, { total: sum.total + load, count: sum.count + 1 });
  }
  for (const candidate of serving) {
    const { total = 0, count = 1 } = sums.get(candidate.order) ?? {};
    candidate.overBound = candidate.load > Math.max(BOUND_FLOOR, (factor * total) / count);
  }
  for (const candidate of serving) if (candidate.overBound) candidate.order += 1;
}

/** A viewer's way out must not fail with its way in: those apart from the first come next, in their order. */
function apartFromFirst(candidates: Candidate[], limit: number): Candidate[] {
  const [first] = best(candidates, 1);
  if (first === undefined) return [];
  const domain = first.view.node.failureDomain;
  // An exclusive rule's viewers leave its zones when nothing in them serves, and not before.
  const isBackup = ({ condition, view, order }: Candidate): boolean =>
    CONDITIONS.indexOf(condition) <= CONDITIONS.indexOf('busy') &&
    view.node.failureDomain !== domain &&
    order >= DIGITS.elsewhere === first.order >= DIGITS.elsewhere;
  const backups = best(candidates.filter(isBackup), limit - 1);
  const others = candidates.filter((candidate) => candidate !== first && !isBackup(candidate));
  return [first, ...backups, ...best(others, limit - 1 - backups.length)];
}

/** A few are found faster than all are sorted. */
const FEW = 8;

function best(candidates: Candidate[], count: number): Candidate[] {
  if (count > FEW) return candidates.toSorted((a, b) => (isBetter(a, b) ? -1 : 1)).slice(0, count);
  const left = [...candidates];
  const found: Candidate[] = [];
  while (found.length < count && left.length > 0) {
    let at = 0;
    for (let index = 1; index < left.length; index += 1) {
      if (isBetter(left[index] as Candidate, left[at] as Candidate)) at = index;
    }
    found.push(left[at] as Candidate);
    left[at] = left.at(-1) as Candidate;
    left.pop();
  }
  return found;
}

function fits(rule: RankingRule, { address, country, asn, stream }: Viewer): boolean {
  const { countries, asns, streams } = rule;
  const networks = networksOf(rule);
  return (
    (networks === null || networks.lowestOf(address) !== null) &&
    (countries?.includes(country ?? '') ?? true) &&
    (asns?.includes(asn ?? -1) ?? true) &&
    (streams?.includes(stream) ?? true)
  );
}

const networksByRule = new WeakMap<RankingRule, NetworkMap>();

/** Of a rule's prefixes, of which there may be thousands; null when it has none. */
function networksOf(rule: RankingRule): NetworkMap | null {
  if (rule.prefixes === undefined) return null;
  const known = networksByRule.get(rule);
  if (known !== undefined) return known;
  const networks = new NetworkMap();
  for (const prefix of rule.prefixes) networks.add(prefix, 0);
  networksByRule.set(rule, networks);
  return networks;
}

function preferenceOf(zone: string, rule: RankingRule | undefined): number {
  const place = rule?.zones.indexOf(zone) ?? 0;
  return place < 0 ? Infinity : place;
}

function band(distanceKm: number | null): number {
  return Math.floor((distanceKm ?? FARTHEST_KM) / DISTANCE_BAND_KM);
}

/** Weighted rendezvous hashing: an edge that comes or goes moves only the streams that it gains or loses. */
function weightOf(capacityBitsPerSecond: number, hash: number): number {
  return -capacityBitsPerSecond / Math.log((hash + 1) / (2 ** 32 + 1));
}

/** What does not change while a record is the same. */
interface NodeFacts {
  readonly hash: number;
  readonly direction: Direction | null;
}

const facts = new WeakMap<NodeRecord, NodeFacts>();

function factsOf(node: NodeRecord): NodeFacts {
  const known = facts.get(node);
  if (known !== undefined) return known;
  const fresh = { hash: hashOf(node.id), direction: node.place === null ? null : directionOf(node.place) };
  facts.set(node, fresh);
  return fresh;
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

/** A number of 0…1 that an address draws in a round, always the same. */
export function drawOf(address: string, round: number): number {
  return mix(hashOf(address) ^ mix(round)) / 2 ** 32;
}

/** Spreads every bit over all (MurmurHash3's finalizer). */
function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const SUSPICIONS: Readonly<Record<Suspicion, string>> = {
  flapping: 'came and went too often lately',
  failing: 'too many of its answers failed lately',
  left: 'players left it by themselves lately',
};

const WORDS: Readonly<Record<Exclude<EdgeCondition, 'suspect'>, string>> = {
  serving: 'healthy',
  starting: 'in slow start: takes a growing share of viewers',
  busy: 'overloaded',
  probing: 'not yet found ready',
  draining: 'draining: takes no new viewers while another can',
  partitioned: 'answers, but the control plane has lost it',
  down: 'does not answer: used only when nothing else is there',
};

function explained(candidate: Candidate, rule: RankingRule | undefined): RankedEdge {
  const { view, condition, distanceKm, load, zonePreference, overBound, order } = candidate;
  const zone =
    zonePreference === Infinity ? `zone ${view.node.zone} is not the rule's` : `zone ${view.node.zone} by rule`;
  const reasons = [
    condition === 'suspect' ? SUSPICIONS[view.suspicion ?? 'flapping'] : WORDS[condition],
    ...(rule === undefined ? [] : [zone]),
    distanceKm === null ? 'distance unknown' : `${Math.round(distanceKm)} km away`,
    `load ${Math.round(load * 100)}%`,
    ...(overBound ? ['carries more than its share'] : []),
  ];
  const isElsewhereHere = rule?.exclusive === true && isElsewhere(candidate);
  const standing = { order, isElsewhere: isElsewhereHere, zonePreference, band: band(distanceKm), overBound };
  return { edge: view.node, condition, distanceKm, load, reasons, standing };
}

/** A place as a point of the unit sphere. */
type Direction = readonly [x: number, y: number, z: number];

function directionOf({ latitude, longitude }: Place): Direction {
  const [up, around] = [radians(latitude), radians(longitude)];
  return [Math.cos(up) * Math.cos(around), Math.cos(up) * Math.sin(around), Math.sin(up)];
}

/** The great-circle distance in km, by the chord between the points: exact also for near ones. */
function distance(a: Direction, b: Direction): number {
  const chord = Math.sqrt((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2);
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, chord / 2));
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}

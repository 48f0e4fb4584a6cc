/** What operators change while the fleet runs: numbered, immutable versions that the feed carries to every node. */

import { createHash } from 'node:crypto';

/** Settings of one version. What is absent is the node's own default. */
export interface Settings {
  /** edges: a media object's first byte, and a manifest's stream, must be there by then */
  readonly edgeDeadlineMs?: number;
  /** steering manifests: how long a player waits until it asks again, 2…5 s */
  readonly steeringTtlSeconds?: number;
  /** geo: which viewers go where */
  readonly ranking?: RankingPolicy;
}

/** How geo orders edges. */
export interface RankingPolicy {
  /** the first rule that fits a viewer counts */
  readonly rules?: readonly RankingRule[];
  /** from this load (0…1) on an edge comes after all that are less loaded … */
  readonly busyFromLoad?: number;
  /** … until its load is below this one again */
  readonly busyUntilLoad?: number;
  /** how long an edge takes to its full share after it came into service */
  readonly slowStartSeconds?: number;
  /** viewers per edge of one stream, relative to the mean, from which the next edge takes over */
  readonly boundedLoadFactor?: number;
}

/** Sends viewers who fit every given condition to zones, in order; edges of other zones come after them. */
export interface RankingRule {
  readonly prefixes?: readonly string[];
  readonly asns?: readonly number[];
  /** ISO 3166-1 alpha-2 */
  readonly countries?: readonly string[];
  readonly streams?: readonly string[];
  readonly zones: readonly string[];
  /** edges of other zones are used only when none of these serves */
  readonly exclusive?: boolean;
}

/** The scope of a configuration that is for every stream. */
export const ALL_STREAMS = '*';

/** One scope's configuration as the nodes follow it. */
export interface ConfigEntry {
  /** a stream's name, or `*` */
  readonly scope: string;
  readonly version: number;
  readonly settings: Settings;
  /** while only a share of the nodes runs this version; the others run the base */
  readonly canary: {
    readonly sharePercent: number;
    readonly base: { readonly version: number; readonly settings: Settings };
  } | null;
}

/** Whether a node is among the share of nodes that run a version first. The same for everyone who asks. */
export function isInShare(
  nodeId: string,
  entry: Pick<ConfigEntry, 'scope' | 'version'>,
  sharePercent: number,
): boolean {
  return pointOf(nodeId, entry, 0) < sharePercent;
}

/** The least share, in percent, that a node is among. */
export function leastShareOf(nodeId: string, entry: Pick<ConfigEntry, 'scope' | 'version'>): number {
  return pointOf(nodeId, entry, 1);
}

/** Where a node stands from 0 to 100, and so many steps above it. */
function pointOf(nodeId: string, entry: Pick<ConfigEntry, 'scope' | 'version'>, steps: number): number {
  const digest = createHash('sha256').update(`${entry.scope}\n${entry.version}\n${nodeId}`).digest();
  return ((digest.readUInt32BE(0) + steps) / 2 ** 32) * 100;
}

/** The version that a node runs of a scope's configuration. */
export function runningVersion(
  nodeId: string,
  entry: ConfigEntry,
): { readonly version: number; readonly settings: Settings } {
  if (entry.canary === null || isInShare(nodeId, entry, entry.canary.sharePercent)) return entry;
  return entry.canary.base;
}

/**
 * The ways to a stream that a manifest names: this edge, and others that would not fail with it. Every edge answers every
 * request and takes the same token, so a player may change between them at any moment.
 */

import type { FeedState } from '@headwater/protocol/feed-state';
import type { NodeRecord } from '@headwater/protocol/node';
import { createHash } from 'node:crypto';

/** One way to a stream. */
export interface Pathway {
  /** the edge's node id */
  readonly id: string;
  /** its base URL; null for this edge, whose URLs are relative: a viewer may reach it by another name than it knows */
  readonly baseUrl: string | null;
}

/** Where players begin, and where they ask from then on. */
export interface Pathways {
  /** best first; this edge alone when there is no other */
  readonly ways: readonly Pathway[];
  /** a geo's base URL; null: this edge answers itself */
  readonly steeringBase: string | null;
}

/** Besides this edge. */
const OTHERS = 2;

/** The pathways of a stream, as the feed has the fleet now. */
export function pathwaysOf(feed: FeedState, ownId: string, stream: string): Pathways {
  const own = feed.nodes.get(ownId);
  const others = [...feed.nodes.values()].filter(
    (node) => node.role === 'edge' && node.id !== ownId && takesViewers(node),
  );
  const weighted = others.map((node) => ({ node, apart: standsApart(node, own), weight: weightOf(node.id, stream) }));
  weighted.sort((a, b) => Number(b.apart) - Number(a.apart) || (a.weight < b.weight ? -1 : 1));
  const rest = weighted.slice(0, OTHERS).map(({ node }): Pathway => ({ id: node.id, baseUrl: node.url }));
  const self: Pathway = { id: ownId, baseUrl: null };
  // A draining edge still answers, but begins nothing new.
  const ways = own?.draining === true ? [...rest, self] : [self, ...rest];
  return { ways, steeringBase: steeringBase(feed, stream) };
}

/** The order of a player's pathways as far as an edge can tell: those that serve before those that do not. */
export function prioritize(feed: FeedState, pathways: readonly string[]): string[] {
  const standing = (id: string): number => {
    const node = feed.nodes.get(id);
    if (node === undefined) return 3;
    return node.healthy ? (node.draining ? 1 : 0) : 2;
  };
  return pathways.toSorted((a, b) => standing(a) - standing(b));
}

function takesViewers({ healthy, draining, servingSinceMs }: NodeRecord): boolean {
  return healthy && !draining && servingSinceMs !== null;
}

function standsApart(node: NodeRecord, own: NodeRecord | undefined): boolean {
  return node.failureDomain !== own?.failureDomain;
}

function steeringBase(feed: FeedState, stream: string): string | null {
  const doors = [...feed.nodes.values()].filter(
    ({ role, healthy, draining }) => role === 'geo' && healthy && !draining,
  );
  const weighted = doors.map((node) => ({ url: node.url, weight: weightOf(node.id, stream) }));
  return weighted.toSorted((a, b) => (a.weight < b.weight ? -1 : 1))[0]?.url ?? null;
}

/** Rendezvous hashing on the stream: the others of a stream are the same few, whichever edge names them. */
function weightOf(id: string, stream: string): string {
  return createHash('sha256').update(`${stream}\n${id}`).digest('hex');
}

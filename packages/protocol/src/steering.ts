/**
 * Content steering (RFC 8216bis §7; ETSI TS 103 998 for DASH): which edges a player's manifest names as pathways, where it asks
 * which of them to use, and what it is told. A pathway's id is its edge's node id.
 */

import { isNodeId, isStreamName } from './names.ts';

/** What a steering request says. */
export interface SteeringQuestion {
  readonly stream: string;
  /** the pathways in the player's manifest */
  readonly pathways: readonly string[];
  /** the pathway it plays from, where it says so */
  readonly current: string | null;
}

/** A manifest names at most as many pathways. */
export const PATHWAY_LIMIT = 4;
/** Seconds until a player asks again, where nothing else is configured. */
export const STEERING_TTL_SECONDS = 2;

export type SteeringProtocol = 'hls' | 'dash';

const PATHS: Readonly<Record<string, SteeringProtocol>> = { '/steering/hls': 'hls', '/steering/dash': 'dash' };
const QUERY_LIMIT_CHARS = 1_024;

/** Path and query that a player asks with, at geo or at an edge. */
export function steeringPath(
  protocol: SteeringProtocol,
  question: Pick<SteeringQuestion, 'stream' | 'pathways'>,
): string {
  return `/steering/${protocol}?stream=${question.stream}&pathways=${question.pathways.join(',')}`;
}

/** Reads it; what players add is read along. Null for what {@link steeringPath} cannot have written. */
export function parseSteering(url: string): SteeringQuestion | null {
  const mark = url.indexOf('?');
  if (mark < 0 || url.length - mark > QUERY_LIMIT_CHARS || PATHS[url.slice(0, mark)] === undefined) return null;
  const query = new URLSearchParams(url.slice(mark + 1));
  const stream = query.get('stream');
  const pathways = (query.get('pathways') ?? '').split(',');
  if (!isStreamName(stream) || pathways.length > PATHWAY_LIMIT || !pathways.every(isNodeId)) return null;
  // HLS sends the bare id; DASH quotes a list, the newest first.
  const told = query.get('_HLS_pathway') ?? query.get('_DASH_pathway') ?? '';
  const [current = ''] = told.replaceAll('"', '').split(',');
  return { stream, pathways, current: pathways.includes(current) ? current : null };
}

/** The steering manifest; `priority` is best first and names only the player's own pathways. */
export function steeringManifest(priority: readonly string[], ttlSeconds: number): string {
  return JSON.stringify({ VERSION: 1, TTL: ttlSeconds, 'PATHWAY-PRIORITY': priority });
}

/**
 * Content steering (RFC 8216bis §7; ETSI TS 103 998 for DASH): which edges a player's manifest names as pathways, where it asks
 * which of them to use, and what it is told. A pathway's id is its edge's node id.
 */

import { isNodeId, isStreamName } from './names.ts';

/** What a steering request says. */
export interface SteeringQuestion {
  readonly protocol: SteeringProtocol;
  readonly stream: string;
  /** the pathways in the player's manifest */
  readonly pathways: readonly string[];
  /** the pathway it plays from, where it says so */
  readonly current: string | null;
  /** the pathway that it was on and was told to stay on when it last asked; see {@link steeringPath} */
  readonly stayed: string | null;
}

/** A manifest names at most as many pathways. */
export const PATHWAY_LIMIT = 4;
/** Seconds until a player asks again, where nothing else is configured. */
export const STEERING_TTL_SECONDS = 2;

export type SteeringProtocol = 'hls' | 'dash';

const PATHS: Readonly<Record<string, SteeringProtocol>> = { '/steering/hls': 'hls', '/steering/dash': 'dash' };
const QUERY_LIMIT_CHARS = 1_024;

/**
 * Path and query that a player asks with, at geo or at an edge. `stayed` is what geo has the player bring along to its next
 * question, so that nobody has to remember the players.
 */
export function steeringPath(
  protocol: SteeringProtocol,
  { stream, pathways, stayed }: Pick<SteeringQuestion, 'stream' | 'pathways'> & Partial<SteeringQuestion>,
): string {
  const brought = stayed ? `&stayed=${stayed}` : '';
  return `/steering/${protocol}?stream=${stream}&pathways=${pathways.join(',')}${brought}`;
}

/** Reads it; what players add is read along. Null for what {@link steeringPath} cannot have written. */
export function parseSteering(url: string): SteeringQuestion | null {
  const mark = url.indexOf('?');
  const protocol = mark < 0 ? undefined : PATHS[url.slice(0, mark)];
  if (protocol === undefined || url.length - mark > QUERY_LIMIT_CHARS) return null;
  const query = new URLSearchParams(url.slice(mark + 1));
  const stream = query.get('stream');
  const pathways = (query.get('pathways') ?? '').split(',');
  if (!isStreamName(stream) || pathways.length > PATHWAY_LIMIT || !pathways.every(isNodeId)) return null;
  // HLS sends the bare id; DASH quotes a list, the newest first.
  const told = query.get('_HLS_pathway') ?? query.get('_DASH_pathway') ?? '';
  const [current = ''] = told.replaceAll('"', '').split(',');
  const own = (id: string): string | null => (pathways.includes(id) ? id : null);
  return { protocol, stream, pathways, current: own(current), stayed: own(query.get('stayed') ?? '') };
}

interface SteeringAnswer {
  /** best first; only the player's own pathways */
  readonly priority: readonly string[];
  readonly ttlSeconds: number;
  /** where the player asks next; absolute, because Shaka resolves it against the media; left out: where it asked now */
  readonly reloadUrl?: string;
}

/** The steering manifest. */
export function steeringManifest({ priority, ttlSeconds, reloadUrl }: SteeringAnswer): string {
  return JSON.stringify({ VERSION: 1, TTL: ttlSeconds, 'RELOAD-URI': reloadUrl, 'PATHWAY-PRIORITY': priority });
}

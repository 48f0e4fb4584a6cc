/** Nodes of several workers for tests: started on free ports over a feed of the test's own. */

import { join } from 'node:path';
import type { FeedPage, Purge } from '@headwater/protocol/feed';
import type { FeedState } from '@headwater/protocol/feed-state';
import { type EdgeConfig, readConfig } from '../config.ts';
import { type Answer, ask } from '../edge-rig.ts';
import { type RunningNode, startNode } from './start-node.ts';

const ENTRY = join(import.meta.dirname, '../main.ts');
/** So many connections reach every worker of a few, but once in a billion. */
export const MANY = 40;

interface NodeRigOptions {
  readonly workers?: number;
  readonly port?: number;
  readonly zones?: EdgeConfig['zones'];
  readonly tlsFiles?: EdgeConfig['tlsFiles'];
  readonly headerBytes?: number;
  /** without it there is no disk tier */
  readonly cacheDirectory?: string;
  readonly limits?: Partial<EdgeConfig['limits']>;
  readonly onEvent?: (event: string) => void;
}

export function startNodeRig(feed: FeedState, options: NodeRigOptions = {}): Promise<RunningNode> {
  const { workers = 2, port = 0, zones = [], tlsFiles = [], cacheDirectory, onEvent = () => undefined } = options;
  const config = readConfig({ HEADWATER_EDGE_PORT: String(port), HEADWATER_EDGE_WORKERS: String(workers) });
  // What is fetched ahead of anybody's request, or was stored in an earlier run, would be counted with the rest.
  const diskBytes = cacheDirectory === undefined ? 0 : config.limits.diskBytes;
  const { headerBytes = config.limits.headerBytes } = options;
  const limits = { ...config.limits, prefetches: 0, diskBytes, headerBytes, ...options.limits };
  const log = (_: string, event: string): void => onEvent(event);
  const own = { zones, tlsFiles, adminPort: 0, logLevel: 'error', limits } as const;
  const directory = cacheDirectory === undefined ? {} : { cacheDirectory };
  return startNode({ ...config, ...own, ...directory }, ENTRY, { feed, log });
}

/** The same question on as many connections at once. */
export function askOnMany(node: RunningNode, path: string, connections = MANY): Promise<Answer[]> {
  return Promise.all(Array.from({ length: connections }, () => ask(node, path)));
}

/** The sum of a node's series of which the text begins so. */
export async function metric(node: RunningNode, series: string): Promise<number> {
  const { text } = await ask({ port: node.adminPort }, '/metrics');
  const lines = text.split('\n').filter((line) => line.startsWith(series));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve));
}

export async function isReady(node: RunningNode): Promise<boolean> {
  return (await ask({ port: node.adminPort }, '/readyz')).status === 200;
}

/** Has a node take in a page with one purge. */
export async function purge(
  node: RunningNode,
  feed: FeedState,
  order: Omit<Purge, 'id' | 'soft' | 'atMs'>,
): Promise<void> {
  const page: FeedPage = {
    cursor: `${Number(feed.cursor ?? 0) + 1}`,
    snapshot: false,
    messages: [{ type: 'purge', purge: { id: 'p1', soft: false, atMs: 1, ...order } }],
  };
  feed.apply(page);
  await node.carryOut(page);
}

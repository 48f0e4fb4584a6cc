/** `headwater nodes`: who is in the fleet, drain, remove. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Load, NodeRecord } from '@headwater/protocol/node';
import type { Command } from 'commander';
import { CommandError } from '../command-error.ts';
import { parseSeconds } from '../duration.ts';
import type { OperatorApi } from '../operator-api.ts';
import { print, printDone } from '../output.ts';
import { formatTable } from '../table.ts';

/** A node as the API tells of it. */
export interface ListedNode extends NodeRecord {
  readonly heardAt: string | null;
  readonly probe?: string | null;
}

const POLL_MS = 500;
/** What reads its metrics, besides the geos, each of which keeps a connection for its probes. */
const MONITORS = 1;

export function addNodeCommands(program: Command, connect: () => Promise<OperatorApi>): void {
  const nodes = program.command('nodes').description('the nodes of the fleet');
  nodes
    .command('list', { isDefault: true })
    .description('every node and how it is')
    .option('--json', 'for programs')
    .action(async (options: { json?: boolean }) => {
      const listed = await listNodes(await connect());
      print(listed, options, () => formatNodes(listed));
    });
  nodes
    .command('drain <id>')
    .description('send no new viewers to a node, and move those it has')
    .option('--wait [limit]', 'return when hardly anybody is left, or after this time', parseSeconds)
    .option('--json', 'for programs')
    .action(async (id: string, { wait, ...options }: { wait?: number | true; json?: boolean }) => {
      const api = await connect();
      const drained = await api.ask('POST', `/v1/nodes/${encodeURIComponent(id)}/drain`, { draining: true });
      if (wait !== undefined) await untilEmpty(api, id, wait === true ? Infinity : wait * 1_000);
      printDone(drained, options);
    });
  nodes
    .command('undrain <id>')
    .description('let a drained node take viewers again')
    .option('--json', 'for programs')
    .action(async (id: string, options: { json?: boolean }) => {
      const path = `/v1/nodes/${encodeURIComponent(id)}/drain`;
      printDone(await (await connect()).ask('POST', path, { draining: false }), options);
    });
  nodes
    .command('remove <id>')
    .description('take a node out of the fleet; its key opens nothing from then on')
    .option('--json', 'for programs')
    .action(async (id: string, options: { json?: boolean }) => {
      printDone(await (await connect()).ask('DELETE', `/v1/nodes/${encodeURIComponent(id)}`), options);
    });
}

export async function listNodes(api: OperatorApi): Promise<readonly ListedNode[]> {
  return api.list<ListedNode>('/v1/nodes', 'nodes');
}

export function formatNodes(nodes: readonly ListedNode[]): string {
  const rows = nodes.map((node) => [node.id, node.role, node.zone, standing(node), ...loadCells(node.load), node.url]);
  return formatTable(['ID', 'ROLE', 'ZONE', 'STATE', 'CPU', 'EGRESS', 'CONNECTIONS', 'URL'], rows);
}

function standing({ healthy, draining, servingSinceMs, probe }: ListedNode): string {
  if (!healthy) return 'down';
  if (draining) return 'draining';
  if (servingSinceMs !== null) return 'serving';
  return probe === undefined || probe === null ? 'probing' : `probing: ${probe}`;
}

function loadCells({ cpu, egressBytesPerSecond, connections }: Load): string[] {
  return [`${Math.round(cpu * 100)}%`, `${((egressBytesPerSecond * 8) / 1e6).toFixed(1)} Mb/s`, String(connections)];
}

async function untilEmpty(api: OperatorApi, id: string, limitMs: number): Promise<void> {
  const watching = (await listNodes(api)).filter(({ role }) => role === 'geo').length + MONITORS;
  for (let waitedMs = 0; waitedMs < limitMs; waitedMs += POLL_MS) {
    const { load } = await api.ask<ListedNode>('GET', `/v1/nodes/${encodeURIComponent(id)}`);
    if (load.connections <= watching) return;
    await delay(POLL_MS);
  }
  throw new CommandError(`${id} still has viewers`, 75);
}

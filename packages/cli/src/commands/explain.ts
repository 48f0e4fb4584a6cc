/** `headwater explain`: which edge a viewer is sent to, and why that one. */

import type { Explanation } from '@headwater/protocol/explanation';
import type { Command } from 'commander';
import type { OperatorApi } from '../operator-api.ts';
import { print } from '../output.ts';
import { formatTable } from '../table.ts';

interface ExplainOptions {
  readonly ip: string;
  readonly stream: string;
  readonly json?: boolean;
}

export function addExplainCommand(program: Command, connect: () => Promise<OperatorApi>): void {
  program
    .command('explain')
    .description('where a viewer is taken to be, and why it is sent to which edge')
    .requiredOption('--ip <address>', "the viewer's address")
    .requiredOption('--stream <name>', 'what it wants to watch')
    .option('--json', 'for programs')
    .action(async (options: ExplainOptions) => {
      const question = new URLSearchParams({ ip: options.ip, stream: options.stream });
      const explanation = await (await connect()).ask<Explanation>('GET', `/v1/explain?${question.toString()}`);
      print(explanation, options, () => describe(explanation));
    });
}

function describe({ stream, geo, viewer, rule, edges }: Explanation): string {
  const rows = edges.map(({ rank, id, zone, condition, distanceKm, load, reasons, notTaken }) => [
    String(rank),
    id,
    zone,
    condition,
    distanceKm === null ? '-' : `${distanceKm} km`,
    `${Math.round(load * 100)}%`,
    notTaken ?? `taken: ${reasons.join(', ')}`,
  ]);
  return [
    `${viewer.address} asks ${geo} for ${stream}`,
    `located   ${locationOf(viewer)}`,
    `rule      ${rule === null ? 'none fits' : JSON.stringify(rule)}`,
    '',
    formatTable(['#', 'EDGE', 'ZONE', 'STATE', 'DISTANCE', 'LOAD', 'WHY'], rows),
  ].join('\n');
}

function locationOf({ place, country, asn, source }: Explanation['viewer']): string {
  const known = [
    ...(country === null ? [] : [country]),
    ...(place === null ? [] : [`${place.latitude}, ${place.longitude}`]),
    ...(asn === null ? [] : [`AS${asn}`]),
  ];
  return known.length === 0 ? `nowhere (${source})` : `${known.join('; ')} (by ${source})`;
}

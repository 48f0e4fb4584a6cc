/** `headwater edge`: one edge on this machine; `join` lets it into a fleet first. */

import type { Command } from 'commander';
import type { CliConfig } from '../config.ts';
import { restartEdges } from '../edge-restart.ts';
import { type JoinOptions, joinFleet, withKept } from '../join-fleet.ts';
import { runNode } from '../one-node.ts';

interface EdgeOptions extends JoinOptions {
  readonly publicUrl?: string;
}

export function addEdgeCommands(program: Command, config: () => CliConfig, stopped: () => AbortSignal): void {
  const command = program
    .command('edge')
    .description(
      'run one edge: the one that joined from this data directory, or one beside a control plane on this machine',
    )
    .action(async () => {
      process.exitCode = await runNode('edge', await withKept(config(), 'edge'), stopped());
    });
  command
    .command('restart [id]')
    .description(
      'have the edges that run with this data directory, or one, replaced under load by what the program is now',
    )
    .action(async (id: string | undefined) => restartEdges(config().dataDir, id, console.log));
  command
    .command('join <url>')
    .description('let this machine into the fleet of the control plane at URL as an edge, and run it')
    .requiredOption('--token <token>', 'a join token: headwater token create')
    .option('--id <id>', 'the name of the node in the fleet')
    .option('--port <port>', 'where viewers reach it')
    .option('--public-url <url>', 'base URL that viewers are sent to')
    .option('--public-host <host>', 'its host in that URL; unless given, the address that reaches the control plane')
    .option('--place <latitude,longitude>', 'where it stands')
    .option('--failure-domain <name>', 'nodes that fail together share one')
    .action(async (urls: string, { publicUrl, ...options }: EdgeOptions) => {
      const fixed: Record<string, string> = publicUrl === undefined ? {} : { HEADWATER_EDGE_PUBLIC_URL: publicUrl };
      const joined = await joinFleet(config(), { role: 'edge', urls, options, fixed });
      console.log(`joined as ${joined.nodeId ?? ''}; the edge starts`);
      process.exitCode = await runNode('edge', joined, stopped());
    });
}

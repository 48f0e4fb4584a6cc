/** `headwater origin`: one more origin on this machine; `join` lets it into a fleet first. */

import type { Command } from 'commander';
import type { CliConfig } from '../config.ts';
import { type JoinOptions, joinFleet, withKept } from '../join-fleet.ts';
import { runNode } from '../one-node.ts';

interface OriginOptions extends JoinOptions {
  readonly rtmpPort?: string;
  readonly rtmpsPort?: string;
}

export function addOriginCommands(program: Command, config: () => CliConfig, stopped: () => AbortSignal): void {
  const command = program
    .command('origin')
    .description(
      'run one origin: the one that joined from this data directory, or one beside a control plane on this machine',
    )
    .action(async () => {
      process.exitCode = await runNode('origin', await withKept(config(), 'origin'), stopped());
    });
  command
    .command('join <url>')
    .description('let this machine into the fleet of the control plane at URL as an origin, and run it')
    .requiredOption('--token <token>', 'a join token: headwater token create --role origin')
    .option('--id <id>', 'the name of the node in the fleet')
    .option('--port <port>', 'where edges reach it')
    .option('--rtmp-port <port>', 'where publishers reach it')
    .option('--rtmps-port <port>', 'the same by TLS')
    .option('--public-host <host>', 'its host for both; unless given, the address that reaches the control plane')
    .option('--place <latitude,longitude>', 'where it stands')
    .option('--failure-domain <name>', 'nodes that fail together share one')
    .action(async (urls: string, { rtmpPort, rtmpsPort, ...options }: OriginOptions) => {
      const fixed = {
        ...(rtmpPort === undefined ? {} : { HEADWATER_RTMP_PORT: rtmpPort }),
        ...(rtmpsPort === undefined ? {} : { HEADWATER_RTMPS_PORT: rtmpsPort }),
      };
      const joined = await joinFleet(config(), { role: 'origin', urls, options, fixed });
      console.log(`joined as ${joined.nodeId ?? ''}; the origin starts`);
      process.exitCode = await runNode('origin', joined, stopped());
    });
}

/** One node alone, which joins the control plane that its configuration names. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { CliConfig } from './config.ts';
import { nodeEnvironment, nodeProcess } from './fleet-plan.ts';
import { readSecret } from './kept-file.ts';

/** What a machine can be by one command. */
export type LoneRole = 'edge' | 'origin';

/** Whether somebody sits before it: then a hang-up means that they have left. */
export function isAtTerminal(): boolean {
  return process.stdin.isTTY || process.stdout.isTTY;
}

/**
 * Runs the node until it ends.
 * @returns its exit code
 */
export async function runNode(role: LoneRole, config: CliConfig, stopped: AbortSignal): Promise<number> {
  // Beside a control plane of the same data directory it joins with that one's token.
  const joinToken = config.joinToken ?? (await readSecret(join(config.dataDir, 'join-token')));
  // Named by its port, so that a second one on this machine does not take the first one's place.
  const port = role === 'edge' ? config.edgePort : config.originPort;
  const env = {
    ...config.environment,
    ...nodeEnvironment(role),
    HEADWATER_DATA_DIR: config.dataDir,
    HEADWATER_NODE_ID: config.nodeId ?? `${role}-${port}`,
    ...(joinToken === null ? {} : { HEADWATER_JOIN_TOKEN: joinToken }),
  };
  const { command, args } = nodeProcess(role);
  const child = spawn(command, args, { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  // Where no terminal can be gone, the signal is a supervisor's, who wants the edge replaced.
  if (role === 'edge' && !isAtTerminal()) process.on('SIGHUP', () => child.kill('SIGHUP'));
  stopped.addEventListener('abort', () => child.kill('SIGTERM'));
  if (stopped.aborted) child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

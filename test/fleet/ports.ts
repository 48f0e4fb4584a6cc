/** Ports for processes that must be told theirs before they start. */

import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below Linux's ephemeral range (32768…), so that no outgoing connection takes one between this check and its use. */
const RANGE = { from: 20_000, to: 32_000 };

/** Free ports, all different. */
export async function reservePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(RANGE.from, RANGE.to);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, () => resolve(true));
  });
  if (free) await new Promise((resolve) => server.close(resolve));
  return free;
}

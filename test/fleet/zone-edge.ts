/** One edge with a pull zone in front of an origin, alone: no control plane. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child } from './child.ts';
import { childEnvironment } from './config.ts';
import { reservePorts } from './ports.ts';
import { until } from './until.ts';

interface ZoneEdge extends AsyncDisposable {
  readonly url: string;
  readonly adminUrl: string;
  readonly pid: number;
}

/** Starts it as a process of its own. @param more further variables of its environment */
export async function startZoneEdge(origin: URL, more: Readonly<Record<string, string>> = {}): Promise<ZoneEdge> {
  const directory = await mkdtemp(join(tmpdir(), 'headwater-zone-edge-'));
  const [port = 0, adminPort = 0] = await reservePorts(2);
  const zones = join(directory, 'zones.json');
  await writeFile(zones, JSON.stringify([{ name: 'bench', origins: [origin.origin], policy: 'public' }]));
  const child = new Child({
    name: 'edge',
    command: process.execPath,
    args: [join(import.meta.dirname, '../../edge/src/main.ts')],
    env: {
      ...childEnvironment(),
      HEADWATER_EDGE_PORT: String(port),
      HEADWATER_EDGE_ADMIN_PORT: String(adminPort),
      HEADWATER_ZONES_FILE: zones,
      HEADWATER_DATA_DIR: directory,
      HEADWATER_LOG_LEVEL: 'error',
      ...more,
    },
  });
  const scheme = more['HEADWATER_TLS_CERT_FILE'] === undefined ? 'http' : 'https';
  const url = `${scheme}://127.0.0.1:${port}`;
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  const dispose = async (): Promise<void> => {
    await child[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await until('the edge to be ready', 10_000, async () => {
      if (child.exit !== undefined) throw new Error(`the edge ended: ${child.output}`);
      return (await fetch(`${adminUrl}/readyz`)).ok;
    });
  } catch (error) {
    await dispose();
    throw error;
  }
  return { url, adminUrl, pid: child.pid, [Symbol.asyncDispose]: dispose };
}

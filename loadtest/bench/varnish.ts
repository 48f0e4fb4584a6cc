/** Varnish: how long those wait who join a fetch is held against it. */

import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child } from '@headwater/test/fleet/child.ts';
import { childEnvironment } from '@headwater/test/fleet/config.ts';
import { reservePorts } from '@headwater/test/fleet/ports.ts';
import { until } from '@headwater/test/fleet/until.ts';

interface Varnish extends AsyncDisposable {
  readonly url: string;
  readonly configuration: string;
  readonly version: string;
}

const WHERE = ['varnishd', '/usr/sbin/varnishd'];

/**
 * Starts Varnish in front of an origin, with its defaults: it streams to whoever joins.
 * @throws Error when it is not installed
 */
export async function startVarnish(origin: URL): Promise<Varnish> {
  const { command, version } = findVarnish();
  const directory = await mkdtemp(join(tmpdir(), 'headwater-varnish-'));
  const [port = 0] = await reservePorts(1);
  // It gives up root's rights, and then reads its own directory.
  await chmod(directory, 0o755);
  const args = ['-F', '-n', join(directory, 'work'), '-a', `127.0.0.1:${port}`, '-b', origin.host, '-s', 'malloc,256m'];
  const child = new Child({ name: 'varnish', command, args, env: childEnvironment() });
  const url = `http://127.0.0.1:${port}`;
  const dispose = async (): Promise<void> => {
    await child[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await until('Varnish to answer', 10_000, async () => {
      if (child.exit !== undefined) throw new Error(`Varnish ended: ${child.output}`);
      await (await fetch(`${url}/alive`)).arrayBuffer();
      return true;
    });
  } catch (error) {
    await dispose();
    throw error;
  }
  return { url, configuration: `${command} ${args.join(' ')}`, version, [Symbol.asyncDispose]: dispose };
}

function findVarnish(): { command: string; version: string } {
  for (const command of WHERE) {
    try {
      const told = execFileSync('sh', ['-c', `${command} -V 2>&1`], { encoding: 'utf8' });
      return { command, version: /varnish-[\d.]+/.exec(told)?.[0] ?? 'varnish' };
    } catch {
      // not there; the next place may have it
    }
  }
  throw new Error('Varnish is not installed; this figure is a comparison with it (Debian: apt-get install varnish)');
}

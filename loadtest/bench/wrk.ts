/** wrk: a client that costs so little that on two cores most of both is the server's. */

import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';

/** What it got done. */
interface WrkReading {
  readonly requests: number;
  readonly seconds: number;
  /** its own CPU, user and system */
  readonly clientMicros: number;
}

interface WrkOptions {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** as `taskset -c` takes them */
  readonly cores: string;
}

const run = promisify(execFile);

/** @throws Error when wrk is not installed */
export function requireWrk(): void {
  try {
    execFileSync('wrk', ['-v'], { stdio: 'ignore' });
  } catch (error) {
    // It says its version, and ends as one that was called wrongly.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return;
    const why = 'wrk is not installed: a client that costs more would measure itself (Debian: apt-get install wrk)';
    throw new Error(why, { cause: error });
  }
}

/**
 * Asks for one URL over and over, one thread, bodies discarded.
 * @throws Error when any answer was an error, or none
 */
export async function runWrk({ url, connections, seconds, cores }: WrkOptions): Promise<WrkReading> {
  const command = `TIMEFORMAT='%U %S'; time taskset -c "$1" wrk -t1 -c"$2" -d"$3"s "$4"`;
  const args = ['-c', command, 'bash', cores, String(connections), String(seconds), url];
  const { stdout, stderr } = await run('bash', args);
  const [, requests, took] = /(\d+) requests in ([\d.]+)s/.exec(stdout) ?? [];
  const [, user, system] = /([\d.]+) ([\d.]+)\s*$/.exec(stderr) ?? [];
  if (Number(requests ?? 0) === 0 || /Socket errors|Non-2xx/.test(stdout)) throw new Error(`wrk: ${stdout}${stderr}`);
  return {
    requests: Number(requests),
    seconds: Number(took),
    clientMicros: (Number(user) + Number(system)) * 1e6,
  };
}

/** What the tests take from their environment: the machine's own variables, and none of Headwater's. */

/** The environment for a child process: ours without any `HEADWATER_…`, so that a test sees only what it sets itself. */
export function childEnvironment(variables: Readonly<Record<string, string>> = {}): Record<string, string> {
  const inherited: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    const ours = name.startsWith('HEADWATER_') || name === 'CONSUL_HTTP_ADDR' || name === 'REDIS_URL';
    if (value !== undefined && !ours && name !== 'NODE_TEST_CONTEXT') inherited[name] = value;
  }
  return { ...inherited, ...variables };
}

/** How long the outage of all that knows lasts; `npm run bench:outage` takes the whole ten minutes. */
export const OUTAGE_SECONDS = Number(process.env['OUTAGE_SECONDS'] ?? 15);

/** Where Debian puts the browser that the tests drive. */
export const CHROMIUM = '/usr/bin/chromium';

/** How many histories the simulator plays, and the seed of the first. */
export const HISTORIES = Number(process.env['HISTORIES'] ?? 10_000);
export const SEED = Number(process.env['SEED'] ?? 1);

/** The life of a process: configure, start, wait for a signal, dispose; one clear line when any of these fails. */

import { ConfigError } from './env.ts';
import { ListenError } from './listen.ts';

/** A service may take this long to stop before the process ends anyway. */
const STOP_DEADLINE_MS = 8_000;

/** What a process runs. */
export interface Service extends AsyncDisposable {
  /** fails when it ends by itself */
  readonly ended?: Promise<never>;
}

/**
 * Runs a service's `start` until SIGINT or SIGTERM, then disposes of what it returned. A supervisor that started the process
 * with an IPC channel and is gone counts as SIGTERM: nobody would ever send one.
 * @param start the composition root, with the configuration already bound
 * @returns the process's exit code: 0 after a clean stop, 1 when starting or stopping failed or it ended by itself, 78 (`EX_CONFIG`) for a bad
 *   variable. The caller, `main.ts`, exits with it.
 */
export async function run(start: () => Promise<Service>): Promise<number> {
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
    process.once('disconnect', () => resolve());
  });
  try {
    const service = await start();
    await Promise.race([stopped, ...(service.ended === undefined ? [] : [service.ended])]);
    await within(service[Symbol.asyncDispose](), STOP_DEADLINE_MS);
    return 0;
  } catch (error) {
    process.stderr.write(`${describeFailure(error)}\n`);
    return error instanceof ConfigError ? 78 : 1;
  }
}

/** One line for what an operator can mend; the whole error for what only we can. */
function describeFailure(error: unknown): string {
  if (error instanceof ConfigError || error instanceof ListenError) return `headwater: ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

async function within(work: PromiseLike<void>, limitMs: number): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`did not stop within ${limitMs} ms`)), limitMs);
  try {
    await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** A child process of a test's own. */

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Ends it as a crash would, if it has not ended, and waits until it has. */
export async function killChild(child: ChildProcess | null): Promise<void> {
  if (child === null || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

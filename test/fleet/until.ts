/** Waiting for something another process does: asked again and again, with a deadline that names what never came. */

import { setTimeout as delay } from 'node:timers/promises';

const ASK_EVERY_MS = 40;

/** What {@link until} is told while the answer is not there yet. */
export type NotYet = undefined | null | false;

/**
 * Asks until the answer is there.
 * @param what completes the sentence "waited in vain for …"
 * @throws Error after `deadlineMs`, with the last failure of `ask` as its cause
 */
export async function until<T>(
  what: string,
  deadlineMs: number,
  ask: () => Promise<T | NotYet> | T | NotYet,
): Promise<T> {
  const deadline = performance.now() + deadlineMs;
  let cause: unknown;
  while (performance.now() < deadline) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== null && answer !== false) return answer;
    } catch (error) {
      cause = error;
    }
    await delay(ASK_EVERY_MS);
  }
  throw new Error(`waited ${deadlineMs} ms in vain for ${what}`, { cause });
}

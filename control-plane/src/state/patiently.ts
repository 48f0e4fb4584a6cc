/** A start may wait for its store where a request may not. */

import { setTimeout as delay } from 'node:timers/promises';
import { StoreUnavailable } from './store.ts';

const TRIES = 20;
const PAUSE_MS = 250;

/**
 * Does what may be done twice, again for as long as the store does not answer.
 * @throws StoreUnavailable when it has not for five seconds
 */
export async function patiently<T>(work: () => Promise<T>, pauseMs = PAUSE_MS): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || tries >= TRIES) throw error;
      await delay(pauseMs);
    }
  }
}

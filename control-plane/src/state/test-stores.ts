/** Every kind of store, for the suites that all of them must pass. */

import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@headwater/service/clock';
import { openDatabase } from '../database.ts';
import { startTestRedis } from '../test-redis.ts';
import { openEmbeddedStore } from './embedded-store.ts';
import { openRedisStore } from './redis-store.ts';
import type { Store } from './store.ts';

/** Long: what a store does is tested with it, not how soon it gives up. */
const DEADLINE_MS = 5_000;

/** Where a store is kept, empty at first. */
export interface StorePlace extends AsyncDisposable {
  /** Closes the store that is open, and opens what is there, as a process does that starts again. */
  reopen(): Promise<Store>;
}

async function embedded(logLimit: number): Promise<StorePlace> {
  const directory = await mkdtempDisposable(join(tmpdir(), 'headwater-store-'));
  let close = (): void => undefined;
  return {
    async reopen() {
      close();
      const database = openDatabase(join(directory.path, 'state.db'));
      close = () => database.close();
      return openEmbeddedStore(database, { logLimit });
    },
    async [Symbol.asyncDispose]() {
      close();
      await directory.remove();
    },
  };
}

async function redis(logLimit: number): Promise<StorePlace> {
  const server = await startTestRedis();
  let open: Store | null = null;
  return {
    async reopen() {
      await open?.[Symbol.asyncDispose]();
      open = await openRedisStore({ url: server.url, clock: systemClock, logLimit, deadlineMs: DEADLINE_MS });
      return open;
    },
    async [Symbol.asyncDispose]() {
      await open?.[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

export const STORES: readonly (readonly [name: string, place: (logLimit: number) => Promise<StorePlace>])[] = [
  ['embedded', embedded],
  ['redis', redis],
];

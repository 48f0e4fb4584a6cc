/** Every kind of registry, for the suite that all of them must pass. */

import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '@headwater/service/clock';
import { openDatabase } from '../database.ts';
import { openEmbeddedStore } from '../state/embedded-store.ts';
import { startTestConsul } from '../test-consul.ts';
import { openConsulRegistry } from './consul-registry.ts';
import { openEmbeddedRegistry } from './embedded-registry.ts';
import type { Registry } from './registry.ts';

/** A registry of a test's own, empty at first. */
export interface RegistryPlace extends AsyncDisposable {
  readonly registry: Registry;
  /** what an operator was told of */
  readonly troubles: string[];
}

async function embedded(): Promise<RegistryPlace> {
  const directory = await mkdtempDisposable(join(tmpdir(), 'headwater-registry-'));
  const database = openDatabase(join(directory.path, 'state.db'));
  const troubles: string[] = [];
  const registry = openEmbeddedRegistry({
    replica: 'one',
    store: openEmbeddedStore(database),
    clock: systemClock,
    onTrouble: (what) => troubles.push(what),
  });
  return {
    registry,
    troubles,
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      database.close();
      await directory.remove();
    },
  };
}

async function consul(): Promise<RegistryPlace> {
  const server = await startTestConsul();
  const troubles: string[] = [];
  const registry = openConsulRegistry({
    url: server.url,
    token: null,
    replica: 'one',
    clock: systemClock,
    onTrouble: (what) => troubles.push(what),
  });
  return {
    registry,
    troubles,
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

export const REGISTRIES: readonly (readonly [name: string, place: () => Promise<RegistryPlace>])[] = [
  ['embedded', embedded],
  ['consul', consul],
];

const PATIENCE_MS = 15_000;

/** Looks until it fits. @returns how long that took, in ms */
export async function until(what: string, fits: () => boolean | Promise<boolean>): Promise<number> {
  const startMs = performance.now();
  while (!(await fits())) {
    if (performance.now() - startMs > PATIENCE_MS) throw new Error(`it did not come to this: ${what}`);
    await delay(10);
  }
  return performance.now() - startMs;
}

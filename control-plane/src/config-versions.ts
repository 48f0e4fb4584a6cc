/**
 * Settings by immutable, numbered versions. A version is given to a share of the nodes first; the leader compares how these fare
 * with the rest, and takes it back by itself when their errors rise, or gives it to all when they did not for a while. Which
 * version runs is one value in the registry, changed only as its writer saw it.
 */

import { ALL_STREAMS, type ConfigEntry, type Settings, isInShare } from '@headwater/protocol/settings';
import type { Clock } from '@headwater/service/clock';
import type { Fleet } from './fleet.ts';
import type { KeyValue } from './registry/registry.ts';
import type { Store } from './state/store.ts';

/** A version as it is kept, for ever. */
export interface ConfigVersion {
  readonly scope: string;
  readonly version: number;
  readonly settings: Settings;
  readonly madeAtMs: number;
}

/** What runs in a scope. */
interface Running {
  readonly version: number;
  /** the newest version there is; numbers are never used twice */
  readonly newest: number;
  readonly canary: { readonly version: number; readonly sharePercent: number; readonly sinceMs: number } | null;
}

/** One difference between two versions, by the path of the setting. */
export interface Difference {
  readonly path: string;
  readonly from: unknown;
  readonly to: unknown;
}

type Verdict = 'promoted' | 'rolled back';

interface ConfigVersionsOptions {
  readonly store: Store;
  readonly kv: KeyValue;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly onVerdict: (scope: string, version: number, verdict: Verdict) => void;
}

/** Whether what runs is as who changes it believes. */
type Fits = (running: Running) => boolean;

const NOTHING: Running = { version: 0, newest: 0, canary: null };
const TRIES = 16;
/** A canary that fares well for so long is given to all. */
export const CANARY_MS = 60_000;
/** From so many requests a second on a share says something. */
const LEAST_REQUESTS_PER_SECOND = 1;
/** A canary is worse when its share of errors is this much above the base's, so many looks in a row. */
const WORSE_BY = 0.02;
const LOOKS = 3;

export class ConfigVersions {
  readonly #options: ConfigVersionsOptions;
  /** looks in a row at which a scope's canary was worse */
  readonly #worse = new Map<string, number>();

  constructor(options: ConfigVersionsOptions) {
    this.#options = options;
  }

  /** Makes a version and begins to roll it out. Null when what runs is not as it should be. */
  async roll(
    scope: string,
    { settings, sharePercent }: { readonly settings: Settings; readonly sharePercent: number },
    fits: Fits = () => true,
  ): Promise<ConfigVersion | null> {
    const madeAtMs = Math.floor(this.#options.clock.nowMs());
    const running = await this.#change(
      scope,
      (now) => {
        if (!fits(now)) return null;
        const { version, newest } = now;
        const next = newest + 1;
        if (sharePercent >= 100) return { version: next, newest: next, canary: null };
        return { version, newest: next, canary: { version: next, sharePercent, sinceMs: madeAtMs } };
      },
      async (next) => this.#keep({ scope, version: next.newest, settings, madeAtMs }),
    );
    return running === null ? null : { scope, version: running.newest, settings, madeAtMs };
  }

  /** Gives the canary to all. False when there is none, or what runs is not as it should be. */
  async promote(scope: string, fits: Fits = () => true): Promise<boolean> {
    const promoted = await this.#change(scope, (now) =>
      now.canary === null || !fits(now) ? null : { ...now, version: now.canary.version, canary: null },
    );
    return promoted !== null;
  }

  /** Takes the canary back, or goes to an earlier version. False when that is not there, or what runs is not as it should be. */
  async rollBack(scope: string, version?: number, fits: Fits = () => true): Promise<boolean> {
    if (version !== undefined && version !== 0 && (await this.version(scope, version)) === null) return false;
    const rolledBack = await this.#change(scope, (now) => {
      const isNothing = version === undefined && now.canary === null;
      return isNothing || !fits(now) ? null : { ...now, version: version ?? now.version, canary: null };
    });
    return rolledBack !== null;
  }

  async running(scope: string): Promise<Running> {
    const kept = await this.#options.kv.get(keyOf(scope));
    return kept === null ? NOTHING : (JSON.parse(kept.value) as Running);
  }

  async version(scope: string, version: number): Promise<ConfigVersion | null> {
    const kept = await this.#options.store.get('config-version', idOf(scope, version));
    return (kept?.body as ConfigVersion | undefined) ?? null;
  }

  /** What nodes are told of every scope. */
  async entries(): Promise<readonly ConfigEntry[]> {
    return (await this.#options.store.list('config')).map(({ body }) => body as ConfigEntry);
  }

  /** The leader's look at every canary, once a second. */
  async judge(): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    for (const { scope, canary } of await this.entries()) {
      const running = canary === null ? NOTHING : await this.running(scope);
      if (running.canary === null) {
        this.#worse.delete(scope);
        continue;
      }
      const { version, sharePercent, sinceMs } = running.canary;
      const looks = this.#isWorse({ scope, version }, sharePercent) ? (this.#worse.get(scope) ?? 0) + 1 : 0;
      this.#worse.set(scope, looks);
      if (looks >= LOOKS && (await this.rollBack(scope))) this.#options.onVerdict(scope, version, 'rolled back');
      else if (looks === 0 && nowMs - sinceMs >= CANARY_MS && (await this.promote(scope))) {
        this.#options.onVerdict(scope, version, 'promoted');
      }
    }
  }

  #isWorse(entry: Pick<ConfigEntry, 'scope' | 'version'>, sharePercent: number): boolean {
    const sums = { canary: { requests: 0, errors: 0 }, base: { requests: 0, errors: 0 } };
    for (const { record } of this.#options.fleet.members()) {
      if (record.role !== 'edge' || !record.healthy) continue;
      const sum = isInShare(record.id, entry, sharePercent) ? sums.canary : sums.base;
      sum.requests += record.load.requestsPerSecond;
      sum.errors += record.load.errorsPerSecond;
    }
    if (sums.canary.requests < LEAST_REQUESTS_PER_SECOND) return false;
    const ratio = ({ requests, errors }: { requests: number; errors: number }): number =>
      errors / Math.max(1, requests);
    return ratio(sums.canary) > ratio(sums.base) + WORSE_BY;
  }

  /** One step of the running value, then the nodes are told; null: there is none to take. `prepare` happens before it shows. */
  async #change(
    scope: string,
    change: (running: Running) => Running | null,
    prepare: (next: Running) => Promise<void> = async () => undefined,
  ): Promise<Running | null> {
    const { kv } = this.#options;
    for (let tries = 0; tries < TRIES; tries += 1) {
      const kept = await kv.get(keyOf(scope));
      const next = change(kept === null ? NOTHING : (JSON.parse(kept.value) as Running));
      if (next === null) return null;
      await prepare(next);
      if (!(await kv.cas(keyOf(scope), JSON.stringify(next), kept?.index ?? 0))) continue;
      await this.#tell(scope, next);
      return next;
    }
    throw new Error(`the configuration of ${scope}: another change came between ${TRIES} times`);
  }

  /** A number that a slower writer lost to another is written over by who got it. */
  async #keep(version: ConfigVersion): Promise<void> {
    const { store } = this.#options;
    const id = idOf(version.scope, version.version);
    const there = await store.get('config-version', id);
    const change = { collection: 'config-version', id, expect: there?.revision ?? 0, body: version } as const;
    await store.commit({ changes: [change] });
  }

  async #tell(scope: string, running: Running): Promise<void> {
    const { store } = this.#options;
    const [base, next] = await Promise.all([
      this.version(scope, running.version),
      running.canary === null ? null : this.version(scope, running.canary.version),
    ]);
    const settings = base?.settings ?? {};
    const config: ConfigEntry =
      next === null || running.canary === null
        ? { scope, version: running.version, settings, canary: null }
        : {
            scope,
            version: next.version,
            settings: next.settings,
            canary: { sharePercent: running.canary.sharePercent, base: { version: running.version, settings } },
          };
    for (let tries = 0; tries < TRIES; tries += 1) {
      const there = await store.get('config', scope);
      const change = { collection: 'config', id: scope, expect: there?.revision ?? 0, body: config } as const;
      if ((await store.commit({ changes: [change], log: [{ type: 'config', config }] })) === 'done') return;
    }
  }
}

/** What changed from one version to another, setting by setting. */
export function differences(from: unknown, to: unknown, path = ''): Difference[] {
  if (JSON.stringify(from) === JSON.stringify(to)) return [];
  if (!isPlain(from) || !isPlain(to)) return [{ path, from: from ?? null, to: to ?? null }];
  const names = new Set([...Object.keys(from), ...Object.keys(to)]);
  return [...names].flatMap((name) => differences(from[name], to[name], path === '' ? name : `${path}.${name}`));
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function keyOf(scope: string): string {
  return `config/${scope === ALL_STREAMS ? 'all' : `stream/${scope}`}`;
}

/** Sorts by number. */
function idOf(scope: string, version: number): string {
  return `${scope}/${String(version).padStart(9, '0')}`;
}

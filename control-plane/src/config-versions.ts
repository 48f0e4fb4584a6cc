/**
 * Settings by immutable, numbered versions. A version is given to a share of the nodes first; the leader compares how these fare
 * with the rest, and takes it back by itself when their errors rise, or gives it to all when they did not for a while. Which
 * version runs is one value in the registry, changed only as its writer saw it.
 */

import type { NodeRecord } from '@headwater/protocol/node';
import { ALL_STREAMS, type ConfigEntry, type Settings, isInShare, leastShareOf } from '@headwater/protocol/settings';
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

/** Where what runs is read and written. */
interface Place {
  readonly store: Store;
  readonly kv: KeyValue;
}

interface LeaderPlace extends Place {
  readonly leads: () => boolean;
}

interface ConfigVersionsOptions extends Place {
  /** the same, where only the leader writes */
  readonly leader: LeaderPlace;
  readonly fleet: Pick<Fleet, 'members'>;
  readonly clock: Clock;
  readonly onVerdict: (scope: string, version: number, verdict: Verdict) => void;
}

/** Whether what runs is as who changes it believes. */
type Fits = (running: Running) => boolean;

/** How a canary has fared since this leader looks at it. */
interface Watched {
  readonly version: number;
  /** monotonic; since when nodes that live have run it */
  readonly sinceMs: number;
  /** looks in a row at which it was worse */
  readonly worse: number;
}

const NOTHING: Running = { version: 0, newest: 0, canary: null };
const TRIES = 16;
/** So many numbers may be taken already when what runs was lost, and with it which is the newest. */
const NUMBERS_TRIED = 1_000;
/** A canary that fares well for so long is given to all. */
export const CANARY_MS = 60_000;
/** From so many requests a second on a share says something. */
const LEAST_REQUESTS_PER_SECOND = 1;
/** A canary is worse when its share of errors is this much above the base's, so many looks in a row. */
const WORSE_BY = 0.02;
const LOOKS = 3;

export class ConfigVersions {
  readonly #options: ConfigVersionsOptions;
  readonly #watched = new Map<string, Watched>();
  #turn = 0;

  constructor(options: ConfigVersionsOptions) {
    this.#options = options;
  }

  /**
   * Makes a version and begins to roll it out, to so large a share that an edge is in it. Null when what runs is not as it
   * should be.
   */
  async roll(
    scope: string,
    { settings, sharePercent }: { readonly settings: Settings; readonly sharePercent: number },
    fits: Fits = () => true,
  ): Promise<{ readonly version: number; readonly sharePercent: number } | null> {
    const madeAtMs = Math.floor(this.#options.clock.nowMs());
    let kept: number | null = null;
    let share = sharePercent;
    const running = await this.#change(scope, async (now) => {
      if (!fits(now)) return null;
      kept ??= await this.#keep({ scope, settings, madeAtMs }, now.newest + 1);
      const newest = Math.max(now.newest, kept);
      share = this.#shareWithAnEdge({ scope, version: kept }, sharePercent);
      if (sharePercent >= 100) return { version: kept, newest, canary: null };
      return { version: now.version, newest, canary: { version: kept, sharePercent: share, sinceMs: madeAtMs } };
    });
    return running === null || kept === null ? null : { version: kept, sharePercent: share };
  }

  /** Gives the canary to all. False when there is none, or what runs is not as it should be. */
  async promote(scope: string, fits: Fits = () => true): Promise<boolean> {
    return this.#promote(scope, fits, this.#options);
  }

  /** Takes the canary back, or goes to an earlier version. False when that is not there, or what runs is not as it should be. */
  async rollBack(scope: string, version?: number, fits: Fits = () => true): Promise<boolean> {
    if (version !== undefined && version !== 0 && (await this.version(scope, version)) === null) return false;
    return this.#rollBack(scope, { version, fits }, this.#options);
  }

  async running(scope: string): Promise<Running> {
    return (await this.#read(scope)).running;
  }

  async version(scope: string, version: number): Promise<ConfigVersion | null> {
    const kept = await this.#options.store.get('config-version', idOf(scope, version));
    return (kept?.body as ConfigVersion | undefined) ?? null;
  }

  /** What nodes are told of every scope. */
  async entries(): Promise<readonly ConfigEntry[]> {
    return (await this.#options.store.list('config')).map(({ body }) => body as ConfigEntry);
  }

  /**
   * The leader's look at every canary, once a second, and at one scope more each time: nodes may not have been told of what
   * runs there, since whoever changed it died or could not. Who does not lead has seen nothing.
   */
  async judge(): Promise<void> {
    const { leader } = this.#options;
    if (!leader.leads()) return this.#watched.clear();
    const entries = await this.#entriesInSight();
    this.#turn += 1;
    for (const [index, told] of entries.entries()) {
      const { scope } = told;
      if (told.canary === null && index !== this.#turn % entries.length) continue;
      const running = await this.running(scope);
      if (!isTold(running, told)) await this.#tell(scope, leader.store);
      await this.#judgeOne(scope, running);
    }
  }

  /** Nobody saw how a canary fared while they could not be read. */
  async #entriesInSight(): Promise<readonly ConfigEntry[]> {
    try {
      return await this.entries();
    } catch (error) {
      this.#watched.clear();
      throw error;
    }
  }

  async #judgeOne(scope: string, { canary }: Running): Promise<void> {
    if (canary === null) return void this.#watched.delete(scope);
    const { clock, leader, onVerdict } = this.#options;
    const { version, sinceMs, worse } = this.#look(scope, canary);
    // An operator may have rolled another one meanwhile.
    const fits: Fits = (now) => now.canary?.version === version;
    if (worse >= LOOKS) {
      if (await this.#rollBack(scope, { version: undefined, fits }, leader)) onVerdict(scope, version, 'rolled back');
    } else if (worse === 0 && clock.monotonicMs() - sinceMs >= CANARY_MS) {
      if (await this.#promote(scope, fits, leader)) onVerdict(scope, version, 'promoted');
    }
  }

  /** A leader that is new, or a share in which nobody lives, knows nothing of how it fared: its time begins anew. */
  #look(scope: string, { version, sharePercent }: NonNullable<Running['canary']>): Watched {
    const fares = this.#fares({ scope, version }, sharePercent);
    const before = this.#watched.get(scope);
    const isKnown = before?.version === version && fares !== 'unseen';
    const { sinceMs, worse } = isKnown ? before : { sinceMs: this.#options.clock.monotonicMs(), worse: 0 };
    const watched = { version, sinceMs, worse: fares === 'worse' ? worse + 1 : 0 };
    this.#watched.set(scope, watched);
    return watched;
  }

  #fares(entry: Pick<ConfigEntry, 'scope' | 'version'>, sharePercent: number): 'well' | 'worse' | 'unseen' {
    const sums = { canary: { edges: 0, requests: 0, errors: 0 }, base: { edges: 0, requests: 0, errors: 0 } };
    for (const { id, load } of this.#edges()) {
      const sum = isInShare(id, entry, sharePercent) ? sums.canary : sums.base;
      sum.edges += 1;
      sum.requests += load.requestsPerSecond;
      sum.errors += load.errorsPerSecond;
    }
    if (sums.canary.edges === 0) return 'unseen';
    if (sums.canary.requests < LEAST_REQUESTS_PER_SECOND) return 'well';
    const ratio = ({ requests, errors }: { requests: number; errors: number }): number =>
      errors / Math.max(1, requests);
    return ratio(sums.canary) > ratio(sums.base) + WORSE_BY ? 'worse' : 'well';
  }

  /** Those that say how they fare. */
  #edges(): readonly NodeRecord[] {
    const records = this.#options.fleet.members().map(({ record }) => record);
    return records.filter(({ role, healthy }) => role === 'edge' && healthy);
  }

  #shareWithAnEdge(entry: Pick<ConfigEntry, 'scope' | 'version'>, sharePercent: number): number {
    const shares = this.#edges().map(({ id }) => leastShareOf(id, entry));
    return shares.length === 0 ? sharePercent : Math.max(sharePercent, Math.min(...shares));
  }

  async #promote(scope: string, fits: Fits, place: Place): Promise<boolean> {
    const promoted = await this.#change(
      scope,
      async (now) => (now.canary === null || !fits(now) ? null : { ...now, version: now.canary.version, canary: null }),
      place,
    );
    return promoted !== null;
  }

  async #rollBack(
    scope: string,
    { version, fits }: { readonly version: number | undefined; readonly fits: Fits },
    place: Place,
  ): Promise<boolean> {
    const rolledBack = await this.#change(
      scope,
      async (now) => {
        const isNothing = version === undefined && now.canary === null;
        return isNothing || !fits(now) ? null : { ...now, version: version ?? now.version, canary: null };
      },
      place,
    );
    return rolledBack !== null;
  }

  /** A registry that lost its data does not know what runs: what the nodes were told does. */
  async #read(scope: string): Promise<{ readonly running: Running; readonly index: number }> {
    const { kv, store, clock } = this.#options;
    const kept = await kv.get(keyOf(scope));
    if (kept !== null) return { running: JSON.parse(kept.value) as Running, index: kept.index };
    const told = (await store.get('config', scope))?.body as ConfigEntry | undefined;
    return { running: told === undefined ? NOTHING : runningOf(told, Math.floor(clock.nowMs())), index: 0 };
  }

  /** One step of the running value, then the nodes are told; null: there is none to take. */
  async #change(
    scope: string,
    change: (running: Running) => Promise<Running | null>,
    { kv, store }: Place = this.#options,
  ): Promise<Running | null> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const { running, index } = await this.#read(scope);
      const next = await change(running);
      if (next === null) return null;
      if (!(await kv.cas(keyOf(scope), JSON.stringify(next), index))) continue;
      await this.#tell(scope, store);
      return next;
    }
    throw new Error(`the configuration of ${scope}: another change came between ${TRIES} times`);
  }

  /** Keeps a version under the first number from `from` on that is free. It is never written again. */
  async #keep(version: Omit<ConfigVersion, 'version'>, from: number): Promise<number> {
    const { store } = this.#options;
    const { scope } = version;
    for (let number = from; number < from + NUMBERS_TRIED;) {
      const body = { ...version, version: number };
      const made = { collection: 'config-version', id: idOf(scope, number), expect: 0, body } as const;
      // Nodes are told of every scope that has an entry, sooner or later.
      const isKnown = (await store.get('config', scope)) !== null;
      const nothing: ConfigEntry = { scope, version: 0, settings: {}, canary: null };
      const entry = { collection: 'config', id: scope, expect: 0, body: nothing } as const;
      if ((await store.commit({ changes: isKnown ? [made] : [made, entry] })) === 'done') return number;
      if ((await this.version(scope, number)) !== null) number += 1;
    }
    throw new Error(`the configuration of ${scope}: no number is free from ${from} on`);
  }

  /** Tells what runs now. Of several who tell at once the last one has read the newest: it looked after the entry was made. */
  async #tell(scope: string, store: Store): Promise<void> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const there = await store.get('config', scope);
      const config = await this.#entryOf(scope, await this.running(scope));
      const change = { collection: 'config', id: scope, expect: there?.revision ?? 0, body: config } as const;
      if ((await store.commit({ changes: [change], log: [{ type: 'config', config }] })) === 'done') return;
    }
    throw new Error(`the configuration of ${scope}: another change came between ${TRIES} times`);
  }

  async #entryOf(scope: string, { version, canary }: Running): Promise<ConfigEntry> {
    const settingsOf = async (number: number): Promise<Settings> => (await this.version(scope, number))?.settings ?? {};
    const base = { version, settings: await settingsOf(version) };
    if (canary === null) return { scope, ...base, canary: null };
    const { version: next, sharePercent } = canary;
    return { scope, version: next, settings: await settingsOf(next), canary: { sharePercent, base } };
  }
}

function isTold({ version, canary }: Running, told: ConfigEntry): boolean {
  if (canary === null) return told.canary === null && told.version === version;
  return told.version === canary.version && told.canary?.base.version === version;
}

/** What runs, by what the nodes were told of it. */
function runningOf({ version, canary }: ConfigEntry, nowMs: number): Running {
  if (canary === null) return { version, newest: version, canary: null };
  const { sharePercent, base } = canary;
  return { version: base.version, newest: version, canary: { version, sharePercent, sinceMs: nowMs } };
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

/** An edge in this process, with the zones that histories ask for, on a disk of its own. */

import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { mkdtemp, open as openFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EdgeConfig, readConfig } from '@headwater/edge/src/config.ts';
import { type Serving, startServing } from '@headwater/edge/src/start-serving.ts';
import type { FeedMessage, Purge } from '@headwater/protocol/feed';
import { FeedState } from '@headwater/protocol/feed-state';
import { makeKeyring, mintPathToken } from '@headwater/protocol/path-token';
import { zoneScope } from '@headwater/protocol/token-scope';
import type { Clock } from '@headwater/service/clock';
import type { Log } from '@headwater/service/log';
import { PLACES, type PurgeSpec } from './history.ts';
import { folderOf, placeAt } from './play.ts';
import type { SystemUnderTest } from './system-under-test.ts';

/** The edge's name in Cache-Status. */
export const EDGE_ID = 'edge-1';
const KEY = { kid: 'k1', secret: Buffer.alloc(32, 7).toString('base64url'), state: 'current' } as const;
const KEYRING = makeKeyring([KEY]);
const HOUR_S = 3_600;
/** Histories last longer on their own clock than any token should. */
const TOKEN_LIFE_S = 1_000 * HOUR_S;
/** One byte in so many is flipped on a disk that has gone bad. */
const FLIP_EVERY_BYTES = 997;

const SILENCE: Log = () => undefined;

interface Parts {
  readonly clock: Clock;
  readonly originUrl: string;
}

export async function startEdgeUnderTest({ clock, originUrl }: Parts): Promise<SystemUnderTest> {
  const edge = new EdgeUnderTest(clock, originUrl);
  await edge.start();
  return edge;
}

class EdgeUnderTest implements SystemUnderTest {
  readonly #clock: Clock;
  readonly #feed = new FeedState();
  #folder = '';
  readonly #folders: string[] = [];
  #serving: Serving | null = null;
  #pages = 0;

  constructor(clock: Clock, originUrl: string) {
    this.#clock = clock;
    this.#publish(true, [{ type: 'path-keys', keys: [KEY] }, ...zoneMessages(originUrl)]);
  }

  get port(): number {
    return this.#serving?.port ?? 0;
  }

  async start(): Promise<void> {
    if (this.#folder === '') this.#folder = await this.#newFolder();
    this.#serving = await startServing(configOf(this.#folder), { clock: this.#clock, feed: this.#feed, log: SILENCE });
  }

  async purge(spec: PurgeSpec): Promise<void> {
    const page = this.#publish(false, [{ type: 'purge', purge: this.#order(spec) }]);
    await this.#serving?.carryOut(page);
  }

  async restart({ kill, flipsBits }: { readonly kill: boolean; readonly flipsBits: boolean }): Promise<void> {
    const before = this.#serving;
    if (kill) {
      // What a killed process leaves is what its disk holds at that moment.
      const left = await this.#newFolder();
      copyFolder(this.#folder, left);
      this.#folder = left;
      await before?.[Symbol.asyncDispose]();
    } else await before?.[Symbol.asyncDispose]();
    if (flipsBits) await flipBits(this.#folder);
    await this.start();
  }

  token(zone: string, expired: boolean): string {
    const nowS = Math.floor(this.#clock.nowMs() / 1000);
    const expiresS = expired ? nowS - HOUR_S : nowS + TOKEN_LIFE_S;
    const scope = zoneScope(zone);
    const claims = { session: 's1', scope, notBeforeS: nowS - 2 * HOUR_S, expiresS, bind: null };
    return mintPathToken(claims, KEYRING);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#serving?.[Symbol.asyncDispose]();
    for (const folder of this.#folders) await rm(folder, { recursive: true, force: true });
  }

  #publish(snapshot: boolean, messages: readonly FeedMessage[]): Parameters<FeedState['apply']>[0] {
    this.#pages += 1;
    const page = { cursor: String(this.#pages), snapshot, messages };
    this.#feed.apply(page);
    return page;
  }

  #order({ by, place, tag, soft }: PurgeSpec): Purge {
    const { host, name } = placeAt(place);
    const url = (path: string): string => (host === null ? path.replace(/^\*/, '') : `http://${path}`);
    const order = { id: `p${this.#pages}`, soft, atMs: this.#clock.nowMs() };
    switch (by) {
      case 'url':
        return { ...order, url: url(name) };
      case 'prefix':
        return { ...order, prefix: url(folderOf(name)) };
      case 'tag':
        return { ...order, tag };
      case 'all':
        return { ...order, all: true };
    }
  }

  async #newFolder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'headwater-simulator-'));
    this.#folders.push(folder);
    return folder;
  }
}

function configOf(folder: string): EdgeConfig {
  return readConfig({
    HEADWATER_EDGE_PORT: '0',
    HEADWATER_NODE_ID: EDGE_ID,
    HEADWATER_DATA_DIR: folder,
  });
}

function zoneMessages(originUrl: string): FeedMessage[] {
  const zones = Map.groupBy(PLACES, ({ zone }) => zone);
  return [...zones].map(([name, places]) => {
    const hosts = [...new Set(places.map(({ host }) => host ?? '*'))];
    const policy = places[0]?.policy ?? 'public';
    const pathPrefix = hosts.includes('*') ? '/any' : '/';
    return { type: 'zone', zone: { name, hosts, pathPrefix, origins: [originUrl], policy } };
  });
}

/** At one moment: nothing else in this process goes on meanwhile. What is being deleted just then is gone. */
function copyFolder(from: string, to: string): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) {
      mkdirSync(target, { recursive: true });
      copyFolder(source, target);
      continue;
    }
    try {
      copyFileSync(source, target);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

async function flipBits(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { size } = await stat(path);
    await using file = await openFile(path, 'r+');
    const byte = Buffer.alloc(1);
    for (let at = FLIP_EVERY_BYTES; at < size; at += FLIP_EVERY_BYTES) {
      await file.read(byte, 0, 1, at);
      byte[0] = (byte[0] ?? 0) ^ 0x10;
      await file.write(byte, 0, 1, at);
    }
  }
}

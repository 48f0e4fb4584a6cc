/** One edge in this process: on a disk of its own, with a feed of its own, and an end as a killed process has it. */

import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { mkdtemp, open as openFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { TLSSocket } from 'node:tls';
import { join } from 'node:path';
import { readConfig } from '@headwater/edge/src/config.ts';
import { type Serving, startServing } from '@headwater/edge/src/start-serving.ts';
import type { Team } from '@headwater/edge/src/workers/team.ts';
import type { FeedPage } from '@headwater/protocol/feed';
import { FeedState } from '@headwater/protocol/feed-state';
import { type Clock, systemClock } from '@headwater/service/clock';
import type { Log } from '@headwater/service/log';
import { makeSelfSigned } from '@headwater/service/self-signed';

/** One byte in so many is flipped on a disk that has gone bad. */
const FLIP_EVERY_BYTES = 997;
const CERTIFICATE = makeSelfSigned(['127.0.0.1'], systemClock.nowMs());
const SILENCE: Log = () => undefined;

interface OneEdgeOptions {
  readonly id: string;
  readonly clock: Clock;
  /** what it knows before it starts */
  readonly known: FeedPage;
  /** URLs of edges to ask first */
  readonly parents?: readonly string[];
  /** it speaks TLS, and HTTP/2 over it */
  readonly isSecure?: boolean;
  /** the other workers of its node */
  readonly team?: Team;
}

export class OneEdge implements AsyncDisposable {
  readonly #options: OneEdgeOptions;
  readonly #feed = new FeedState();
  readonly #folders: string[] = [];
  readonly #sockets = new Set<Socket>();
  #folder = '';
  #serving: Serving | null = null;

  constructor(options: OneEdgeOptions) {
    this.#options = options;
    this.#feed.apply(options.known);
  }

  get isUp(): boolean {
    return this.#serving !== null;
  }

  get port(): number {
    return this.#serving?.port ?? 0;
  }

  /** @param missed what it has to do before it serves */
  async start(missed: readonly FeedPage[] = []): Promise<void> {
    if (this.#folder === '') this.#folder = await this.#newFolder();
    const { id, clock, parents = [], team, isSecure = false } = this.#options;
    const config = readConfig({
      HEADWATER_EDGE_PORT: '0',
      HEADWATER_NODE_ID: id,
      HEADWATER_DATA_DIR: this.#folder,
      HEADWATER_EDGE_PARENTS: parents.join(','),
      ...(isSecure ? await this.#certificate() : {}),
    });
    const around = { clock, feed: this.#feed, log: SILENCE, missed, ...(team === undefined ? {} : { team }) };
    this.#serving = await startServing(config, around);
    // Beneath TLS a connection is not to be closed by anybody else.
    this.#serving.server.on(isSecure ? 'secureConnection' : 'connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** Takes a page in and does what it orders; one that is down has that from its node when it starts. */
  async hear(page: FeedPage): Promise<void> {
    this.#feed.apply(page);
    await this.carryOut(page);
  }

  /** @param isDone false when it will be told so once more */
  async carryOut(page: FeedPage, isDone = true): Promise<void> {
    await this.#serving?.carryOut(page, isDone);
  }

  async forget(objects: Parameters<Serving['forget']>[0]): Promise<void> {
    await this.#serving?.forget(objects);
  }

  async stop(): Promise<void> {
    const before = this.#serving;
    this.#serving = null;
    await before?.[Symbol.asyncDispose]();
  }

  /** What a killed process leaves is what its disk holds at that moment, and connections that are reset. */
  async kill(): Promise<void> {
    const left = await this.#newFolder();
    copyFolder(this.#folder, left);
    this.#folder = left;
    for (const socket of this.#sockets) {
      if (socket instanceof TLSSocket) socket.destroy();
      else socket.resetAndDestroy();
    }
    await this.stop();
  }

  async flipBits(): Promise<void> {
    await flipBits(this.#folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    for (const folder of this.#folders) await rm(folder, { recursive: true, force: true });
  }

  /** Elsewhere than what bits are flipped in. */
  async #certificate(): Promise<Record<string, string>> {
    const folder = await this.#newFolder();
    const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    await writeFile(certFile, CERTIFICATE.cert);
    await writeFile(keyFile, CERTIFICATE.key);
    return { HEADWATER_TLS_CERT_FILE: certFile, HEADWATER_TLS_KEY_FILE: keyFile };
  }

  async #newFolder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'headwater-simulator-'));
    this.#folders.push(folder);
    return folder;
  }
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

/** Ends it and starts it anew. */
export async function restart(
  edge: OneEdge,
  { kill, flipsBits }: { readonly kill: boolean; readonly flipsBits: boolean },
): Promise<void> {
  if (kill) await edge.kill();
  else await edge.stop();
  if (flipsBits) await edge.flipBits();
  await edge.start();
}

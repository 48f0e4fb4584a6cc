/** Reads what an encoder writes: one unix socket per track, fragments of one frame. Whatever comes is drained at once. */

import { type Server, type Socket, createServer } from 'node:net';
import { join } from 'node:path';
import type { TrackInit } from '@headwater/media/mp4/init';
import { FragmentReader } from '@headwater/media/mp4/reader';
import type { Sample } from '@headwater/media/mp4/sample';

export interface IntakeHandlers {
  /** every track's header has come */
  readonly tracks: (inits: ReadonlyMap<string, TrackInit>) => void;
  /** in decode order per track, only after `tracks`, in ticks since the run's base */
  readonly sample: (trackId: string, sample: Sample) => void;
  /** the encoder's output cannot be read; called once */
  readonly failed: (error: Error) => void;
}

/** Samples of a track that wait for another track's header; an encoder that starts properly needs a few dozen. */
const MAX_EARLY_SAMPLES = 2_000;

export class Intake implements AsyncDisposable {
  readonly #handlers: IntakeHandlers;
  readonly #folder: string;
  readonly #trackIds: readonly string[];
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #inits = new Map<string, TrackInit>();
  readonly #ended = Promise.withResolvers<void>();
  #early: { trackId: string; sample: Sample }[] = [];
  #openTracks: number;
  #failed = false;

  private constructor(folder: string, trackIds: readonly string[], handlers: IntakeHandlers) {
    this.#folder = folder;
    this.#trackIds = trackIds;
    this.#handlers = handlers;
    this.#openTracks = trackIds.length;
  }

  /** @param folder exists, and its path is short: a socket's has at most 107 bytes */
  static async open(folder: string, trackIds: readonly string[], handlers: IntakeHandlers): Promise<Intake> {
    const intake = new Intake(folder, trackIds, handlers);
    await Promise.all(trackIds.map((trackId) => intake.#listen(trackId)));
    return intake;
  }

  socketPath(trackId: string): string {
    return join(this.#folder, trackId);
  }

  /** Resolves when the encoder has closed every track. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#servers.map(closeServer));
    this.#ended.resolve();
  }

  async #listen(trackId: string): Promise<void> {
    const server = createServer((socket) => this.#accept(trackId, socket));
    this.#servers.push(server);
    // One writer a track: a second connection is not ours.
    server.maxConnections = 1;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject).listen(this.socketPath(trackId), resolve);
    await promise;
    server.off('error', reject).on('error', (error) => this.#fail(error));
  }

  #accept(trackId: string, socket: Socket): void {
    const reader = new FragmentReader();
    this.#sockets.add(socket);
    socket.on('data', (chunk) => {
      if (this.#failed) return;
      try {
        for (const event of reader.push(chunk)) {
          if (event.kind === 'init') this.#takeInit(trackId, event.init);
          else for (const sample of event.fragment.samples) this.#takeSample(trackId, sample);
        }
      } catch (error) {
        this.#fail(error as Error);
      }
    });
    // An encoder that is killed resets its sockets: the close that follows says it all.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#openTracks -= 1;
      if (this.#openTracks <= 0) this.#ended.resolve();
    });
  }

  #takeInit(trackId: string, init: TrackInit): void {
    this.#inits.set(trackId, init);
    if (this.#inits.size < this.#trackIds.length) return;
    this.#handlers.tracks(this.#inits);
    const early = this.#early;
    this.#early = [];
    for (const { trackId, sample } of early) this.#handlers.sample(trackId, sample);
  }

  #takeSample(trackId: string, sample: Sample): void {
    if (this.#inits.size === this.#trackIds.length) {
      this.#handlers.sample(trackId, sample);
      return;
    }
    if (this.#early.length >= MAX_EARLY_SAMPLES)
      throw new Error(`no header on every track after ${MAX_EARLY_SAMPLES} samples`);
    this.#early.push({ trackId, sample });
  }

  #fail(error: Error): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#early = [];
    this.#handlers.failed(error);
  }
}

async function closeServer(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  await promise;
}

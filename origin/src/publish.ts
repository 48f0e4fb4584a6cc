/**
 * The desk: who may publish, and where the packets go. A publisher's way is
 * authorise → claim the stream (one publisher each) → feed its broadcast → leave; the broadcast waits for a return, then ends
 * and the claim is given back.
 */

import type { Ladder } from '@headwater/protocol/feed';
import type { ProblemCode } from '@headwater/protocol/problem';
import type { Broadcast } from './broadcast.ts';
import { PublishError } from './errors.ts';
import type { StreamEvents } from './events.ts';

/** One FLV tag body as it came, with the publisher's own time. */
export interface PublishPacket {
  readonly kind: 'audio' | 'video' | 'data';
  /** RTMP milliseconds, unwrapped: they go on past 2³² */
  readonly timestampMs: number;
  /** nobody else holds or reuses these bytes */
  readonly payload: Uint8Array;
}

export interface PublishRequest {
  readonly stream: string;
  readonly key: string;
  readonly remoteAddress: string;
}

/** Refusals: `publish_denied`, `stream_claimed`, `too_many_streams`, `live_memory_full`, `not_ready`. */
export type PublishDecision =
  { readonly ok: true; readonly sink: PublishSink } | { readonly ok: false; readonly code: ProblemCode };

/** Where an accepted publisher's packets go. */
export interface PublishSink {
  /** @returns false when the caller must stop reading from its socket until {@link PublishSink.drained} */
  write(packet: PublishPacket): boolean;
  drained(): Promise<void>;
  /** The publisher is gone; the stream waits for its return. */
  close(reason: string): void;
  /** Resolves when the origin ends it: replaced, refused, failed, shutting down. Not after `close`. */
  readonly closed: Promise<PublishEnd>;
}

/** Why the origin ended a publish. */
export interface PublishEnd {
  readonly reason: string;
  /** when it is the publisher's doing: what it sends is not taken */
  readonly refusal?: ProblemCode;
}

export interface PublishDesk {
  open(request: PublishRequest): Promise<PublishDecision>;
}

/** What the control plane, or in its absence the feed, says of a publish. */
export type Authorisation =
  | { readonly ok: true; readonly ladder: Ladder | null; /** -1 for none */ readonly lastOrdinal: number }
  | { readonly ok: false; readonly code: ProblemCode };

interface DeskOptions {
  readonly authorise: (request: PublishRequest) => Promise<Authorisation>;
  /** Gives the claim back. */
  readonly release: (stream: string) => Promise<void>;
  readonly start: (stream: string, granted: { ladder: Ladder | null; lastOrdinal: number }) => Broadcast;
  readonly maxStreams: number;
  /** whether there is memory for a stream of that ladder */
  readonly hasRoom: (ladder: Ladder | null) => boolean;
  /** a publisher silent for so long may be replaced by another holder of the key */
  readonly replaceAfterMs: number;
  readonly events: StreamEvents;
}

interface OnAir {
  readonly broadcast: Broadcast;
  /** that its publisher showed */
  key: string;
  session: Session | null;
}

export class Desk implements PublishDesk, AsyncDisposable {
  readonly #options: DeskOptions;
  readonly #onAir = new Map<string, OnAir>();
  readonly #releasing = new Set<Promise<void>>();
  #closed = false;

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  /** Streams on air, those waiting for their publisher's return included. */
  get broadcasts(): ReadonlyMap<string, { readonly broadcast: Broadcast }> {
    return this.#onAir;
  }

  async open(request: PublishRequest): Promise<PublishDecision> {
    const { stream } = request;
    if (this.#closed) return { ok: false, code: 'not_ready' };
    // The key first: who does not hold it learns nothing of the stream, and stands in nobody's way.
    const granted = await this.#options.authorise(request);
    if (!granted.ok) return granted;
    const decision = this.#admit(request, granted);
    // The claim came with the grant, and another origin may have room.
    if (!decision.ok && !this.#onAir.has(stream)) this.#release(stream);
    return decision;
  }

  /** Ends what may not be on air any more. */
  judge(mayGoOn: (publish: Pick<PublishRequest, 'stream' | 'key'>) => boolean): void {
    for (const [stream, { broadcast, key }] of this.#onAir) {
      if (!mayGoOn({ stream, key })) void broadcast.end('the stream was deleted, or has another key');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#onAir.values()].map(({ broadcast }) => broadcast.end('the origin stops')));
    await Promise.all(this.#releasing);
  }

  #admit(request: PublishRequest, granted: Extract<Authorisation, { ok: true }>): PublishDecision {
    const { stream, key } = request;
    const { maxStreams, replaceAfterMs, events } = this.#options;
    if (this.#closed) return { ok: false, code: 'not_ready' };
    const known = this.#onAir.get(stream);
    if (known === undefined && this.#onAir.size >= maxStreams) return { ok: false, code: 'too_many_streams' };
    if (known === undefined && !this.#options.hasRoom(granted.ladder)) return { ok: false, code: 'live_memory_full' };
    // It is on its way off air: what is sent now would go with it.
    if (known?.broadcast.isOver === true) return { ok: false, code: 'not_ready' };
    if (known !== undefined && known.session !== null) {
      if (known.broadcast.silentMs < replaceAfterMs) return { ok: false, code: 'stream_claimed' };
      events.publisherReplaced(stream);
      known.session.end('replaced');
    }
    const onAir = known ?? this.#start(request, granted);
    onAir.key = key;
    onAir.broadcast.beginSession();
    const session = new Session(onAir.broadcast, () => {
      if (onAir.session === session) onAir.session = null;
    });
    onAir.session = session;
    return { ok: true, sink: session };
  }

  #start({ stream, key }: PublishRequest, granted: Extract<Authorisation, { ok: true }>): OnAir {
    const onAir: OnAir = { broadcast: this.#options.start(stream, granted), key, session: null };
    this.#onAir.set(stream, onAir);
    void this.#follow(stream, onAir);
    return onAir;
  }

  async #follow(stream: string, onAir: OnAir): Promise<void> {
    const reason = await onAir.broadcast.ended;
    this.#onAir.delete(stream);
    onAir.session?.end(reason);
    this.#options.events.offAir(stream, reason);
    this.#release(stream);
  }

  #release(stream: string): void {
    const releasing = this.#options.release(stream).finally(() => this.#releasing.delete(releasing));
    this.#releasing.add(releasing);
  }
}

/** One publisher's turn. Once over, it writes nothing. */
class Session implements PublishSink {
  readonly #broadcast: Broadcast;
  readonly #leave: () => void;
  readonly #closed = Promise.withResolvers<PublishEnd>();
  #over = false;

  constructor(broadcast: Broadcast, leave: () => void) {
    this.#broadcast = broadcast;
    this.#leave = leave;
  }

  get closed(): Promise<PublishEnd> {
    return this.#closed.promise;
  }

  write(packet: PublishPacket): boolean {
    if (this.#over) return true;
    try {
      return this.#broadcast.write(packet);
    } catch (error) {
      // What this publisher sends cannot be taken; its stream waits for a better one.
      const reason = error instanceof Error ? error.message : String(error);
      this.#end({ reason, refusal: error instanceof PublishError ? error.code : 'media_malformed' });
      return true;
    }
  }

  async drained(): Promise<void> {
    await this.#broadcast.drained();
  }

  close(): void {
    this.#over = true;
    this.#leave();
  }

  /** The origin ends it. */
  end(reason: string): void {
    this.#end({ reason });
  }

  #end(end: PublishEnd): void {
    if (this.#over) return;
    this.close();
    this.#closed.resolve(end);
  }
}

/**
 * A body that is handed over piece by piece, as its reader takes it. What a connection of TLS is given is encrypted at once, for
 * that connection alone: so slow readers hold the one body that they share, and a piece each.
 */

interface BodySink {
  /** how much it may be given at once; changes as the connection's other streams come and go */
  readonly pieceBytes: () => number;
  /** False: wait until it drains. */
  readonly write: (piece: Uint8Array) => boolean;
  /** The last piece, or none. */
  readonly end: (piece: Uint8Array | undefined) => void;
}

export class PacedBody {
  readonly #sink: BodySink;
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #isBlocked = false;
  #isAwaited = false;
  #isEnded = false;

  constructor(sink: BodySink) {
    this.#sink = sink;
  }

  /** What was not handed over yet. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** False: wait until {@link drained} says so. */
  write(chunk: Uint8Array): boolean {
    this.#push(chunk);
    this.#isAwaited = this.#isBlocked || this.#queuedBytes > 0;
    return !this.#isAwaited;
  }

  end(chunk: Uint8Array | undefined): void {
    this.#isEnded = true;
    this.#push(chunk);
    if (chunk === undefined && this.#queue.length === 0) this.#sink.end(undefined);
  }

  /** The sink takes more. @returns whether who was told to wait may go on */
  drained(): boolean {
    this.#isBlocked = false;
    this.#pump();
    if (!this.#isAwaited || this.#isBlocked || this.#queuedBytes > 0) return false;
    this.#isAwaited = false;
    return !this.#isEnded;
  }

  /** Nobody takes the rest. */
  drop(): void {
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    this.#isBlocked = true;
  }

  #push(chunk: Uint8Array | undefined): void {
    if (chunk === undefined) return;
    this.#queue.push(chunk);
    this.#queuedBytes += chunk.length;
    this.#pump();
  }

  #pump(): void {
    while (!this.#isBlocked) {
      const [first] = this.#queue;
      if (first === undefined) return;
      const most = this.#sink.pieceBytes();
      const piece = first.length > most ? first.subarray(0, most) : first;
      if (piece === first) this.#queue.shift();
      else this.#queue[0] = first.subarray(most);
      this.#queuedBytes -= piece.length;
      if (this.#isEnded && this.#queue.length === 0) return this.#sink.end(piece);
      this.#isBlocked = !this.#sink.write(piece);
    }
  }
}

/** Requests whose bodies come too slowly, or for too long: whoever sends one holds a connection here, and another upstream. */

/** A body that is on its way. */
export interface ComingBody {
  readonly isOver: () => boolean;
  /** something of it waits to be taken: then it is not the sender who is slow */
  readonly hasUnread: () => boolean;
  readonly receivedBytes: () => number;
  readonly cut: () => void;
}

/** Bodies are looked at so often. */
const LOOK_MS = 1_000;
/** Fewer bytes than this between two looks are slow. */
const SLOW_BYTES = 1_024;
/** More slow looks than others, by so many: a stall that a phone in a tunnel may have. */
export const SLOW_LOOKS = 10;
/** However fast it comes. */
export const BODY_DEADLINE_MS = 300_000;

interface Pace {
  looks: number;
  slow: number;
  bytes: number;
}

export class SlowBodies implements Disposable {
  readonly #bodies = new Map<ComingBody, Pace>();
  readonly #timer: NodeJS.Timeout;

  /** @param lookMs how often bodies are looked at, for tests */
  constructor(lookMs = LOOK_MS) {
    this.#timer = setInterval(() => this.look(), lookMs).unref();
  }

  watch(body: ComingBody): void {
    this.#bodies.set(body, { looks: 0, slow: 0, bytes: body.receivedBytes() });
  }

  look(): void {
    for (const [body, pace] of this.#bodies) {
      if (body.isOver()) this.#bodies.delete(body);
      else if (!isInTime(body, pace)) {
        this.#bodies.delete(body);
        body.cut();
      }
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

function isInTime(body: ComingBody, pace: Pace): boolean {
  const bytes = body.receivedBytes();
  const isSlow = bytes - pace.bytes < SLOW_BYTES && !body.hasUnread();
  pace.bytes = bytes;
  pace.looks += 1;
  pace.slow = Math.max(0, pace.slow + (isSlow ? 1 : -1));
  return pace.slow <= SLOW_LOOKS && pace.looks * LOOK_MS <= BODY_DEADLINE_MS;
}

/** An upstream's answer on its way in: its head can be waited for, and no byte is lost until somebody takes the body. */

import type { FieldList } from '../http-cache/fields.ts';
import type { UpstreamError } from '../upstream/upstream-error.ts';
import type { UpstreamFetch, UpstreamHandler, UpstreamHead } from '../upstream/upstream-handler.ts';

/** Takes a body: its pieces, and then exactly one of `end` and `error`. */
export interface Sink {
  /** false: no more until the answer is resumed */
  data(chunk: Buffer): boolean;
  end(trailers: FieldList): void;
  error(error: UpstreamError): void;
}

type OnInformation = (status: number, fields: FieldList) => void;

/** One exchange with an upstream. */
export class Answer {
  readonly #onInformation: OnInformation;
  readonly #opened = Promise.withResolvers<UpstreamHead | UpstreamError>();
  #control: UpstreamFetch | null = null;
  #sink: Sink | null = null;
  /** what came before there was a sink: an upstream stops after the first piece */
  readonly #early: Buffer[] = [];
  #last: { readonly trailers: FieldList } | { readonly error: UpstreamError } | null = null;
  #isAborted = false;

  /**
   * Starts the exchange.
   * @param start hands a handler to the upstream
   */
  constructor(start: (handler: UpstreamHandler) => UpstreamFetch, onInformation: OnInformation = () => undefined) {
    this.#onInformation = onInformation;
    this.#control = start({
      onInformation: (status, fields) => this.#onInformation(status, fields),
      onHead: (head) => this.#opened.resolve(head),
      onData: (chunk) => this.#take(chunk),
      onEnd: (trailers) => this.#finish({ trailers }),
      onError: (error) => this.#finish({ error }),
    });
    if (this.#isAborted) this.#control.abort();
  }

  /** The head, or why there is none. */
  get head(): Promise<UpstreamHead | UpstreamError> {
    return this.#opened.promise;
  }

  /** Hands the body over, from its first byte on. */
  pipe(sink: Sink): void {
    this.#sink = sink;
    let isWanted = true;
    for (const chunk of this.#early.splice(0)) isWanted = sink.data(chunk) && isWanted;
    if (this.#last !== null) this.#tell(sink, this.#last);
    else if (isWanted) this.resume();
  }

  resume(): void {
    this.#control?.resume();
  }

  /** Ends the exchange; the sink hears of it as an error. */
  abort(): void {
    this.#isAborted = true;
    this.#control?.abort();
  }

  #take(chunk: Buffer): boolean {
    if (this.#sink !== null) return this.#sink.data(chunk);
    this.#early.push(chunk);
    return false;
  }

  #finish(last: { readonly trailers: FieldList } | { readonly error: UpstreamError }): void {
    this.#last = last;
    if ('error' in last) this.#opened.resolve(last.error);
    if (this.#sink !== null) this.#tell(this.#sink, last);
  }

  #tell(sink: Sink, last: { readonly trailers: FieldList } | { readonly error: UpstreamError }): void {
    if ('error' in last) sink.error(last.error);
    else sink.end(last.trailers);
  }
}

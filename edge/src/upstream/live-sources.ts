/** Who may be asked for a stream of ours: the parents as the stream ranks them, then its origin. */

import type { FieldList } from '../http-cache/fields.ts';
import type { Parents } from './parents.ts';
import type { Target } from './targets.ts';
import type { UpstreamEvents } from './upstream-events.ts';

/** What came of a request, and whether who was asked behaved as one that is well. */
export interface Asked<T> {
  readonly isWell: boolean;
  readonly value: T;
}

export interface LiveSource {
  readonly url: string;
  readonly kind: Target['kind'];
  readonly headers: Record<string, string>;
  /** who says what they know of a stream that is not on air is let wait until that changes */
  readonly tellsStanding: boolean;
  /** What is due from it does not come: if it is gone, all that waits for it is to go elsewhere. */
  doubt(): void;
  /**
   * Asks, and takes note of how it went.
   * @param work is given a signal that fires also when a parent is found to be gone
   */
  ask<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<Asked<T>>): Promise<T>;
}

interface LiveSourcesOptions {
  readonly nodeId: string;
  readonly parents: Parents;
  readonly events: Pick<UpstreamEvents, 'tried' | 'tryEnded'>;
  /** the base URL of the worker of this edge that brings a stream in for all; null when that is this one */
  readonly sibling: (stream: string) => string | null;
  /** the base URL of a stream's origin as it is known now, or null while it has none */
  readonly locate: (stream: string) => string | null;
}

export class LiveSources {
  readonly #options: LiveSourcesOptions;
  /** fires when what waits for this parent had better go elsewhere; then there is another */
  readonly #gone = new Map<Target, AbortController>();

  constructor(options: LiveSourcesOptions) {
    this.#options = options;
    options.parents.onDown((parent) => {
      this.#gone.get(parent)?.abort(new Error('the parent is gone'));
      this.#gone.delete(parent);
    });
  }

  isOwn(edge: string): boolean {
    return edge === this.#options.nodeId;
  }

  /** The best first, those that are well at the moment each is reached; none for a stream that is not on air. */
  *of(stream: string): Iterable<LiveSource> {
    const { parents, locate, sibling } = this.#options;
    const owner = sibling(stream);
    if (owner !== null) return void (yield colleague(owner));
    const origin = locate(stream);
    if (origin === null) return;
    // Short lists are not worth a memory: a ranking takes a microsecond a parent, an answer many milliseconds.
    let isFirst = true;
    for (const target of parents.targets.candidates(`live/${stream}`, [])) {
      if (!target.health.isAvailable) continue;
      yield this.#parent(target, { fields: parents.fieldsFor('cmaf'), isFirst });
      isFirst = false;
    }
    yield this.#origin(origin, isFirst);
  }

  #parent(target: Target, { fields, isFirst }: { readonly fields: FieldList; readonly isFirst: boolean }): LiveSource {
    const { events, parents } = this.#options;
    return {
      url: target.url,
      kind: 'parent',
      headers: headersOf(fields),
      tellsStanding: false,
      doubt: () => parents.doubt(target),
      ask: async (signal, work) => {
        events.tried('parent', isFirst ? 'first' : 'retry');
        const isTrial = target.health.begin();
        const gone = this.#gone.get(target) ?? new AbortController();
        this.#gone.set(target, gone);
        const { isWell, value } = await work(AbortSignal.any([signal, gone.signal]));
        if (signal.aborted) target.health.leave(isTrial);
        else if (isWell) target.health.succeed();
        else target.health.fail(isTrial);
        this.#note('parent', signal, isWell);
        return value;
      },
    };
  }

  /** Whose word is the last: if it fails, the stream has nobody else. */
  #origin(url: string, isFirst: boolean): LiveSource {
    return {
      url,
      kind: 'origin',
      headers: {},
      tellsStanding: false,
      doubt: () => undefined,
      ask: async (signal, work) => {
        this.#options.events.tried('origin', isFirst ? 'first' : 'retry');
        const { isWell, value } = await work(signal);
        this.#note('origin', signal, isWell);
        return value;
      },
    };
  }

  #note(kind: Target['kind'], signal: AbortSignal, isWell: boolean): void {
    const outcome = isWell ? 'answered' : 'reset';
    this.#options.events.tryEnded(kind, signal.aborted ? 'aborted' : outcome);
  }
}

/** Another worker of this edge, which counts what it asks. */
function colleague(url: string): LiveSource {
  return {
    url,
    kind: 'origin',
    headers: {},
    tellsStanding: true,
    doubt: () => undefined,
    ask: async (signal, work) => (await work(signal)).value,
  };
}

function headersOf(fields: FieldList): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let at = 0; at + 1 < fields.length; at += 2) headers[fields[at] as string] = fields[at + 1] as string;
  return headers;
}

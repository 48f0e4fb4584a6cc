/**
 * One fetch over one or more targets: the first that answers with a head is the one whose response the caller gets. One that
 * fails before is followed by the next at once, within the budget for retries; beside one that is late another parent is
 * asked, within the budget for hedges.
 */

import type { Clock } from '@headwater/service/clock';
import { valueOf } from '../http-cache/fields.ts';
import type { LatencyWindow } from './latency-window.ts';
import type { Target } from './targets.ts';
import type { TokenBucket } from './token-bucket.ts';
import type { UpstreamError, UpstreamErrorCode } from './upstream-error.ts';
import type { TryOutcome, TryReason, UpstreamEvents } from './upstream-events.ts';
import type { UpstreamFetch, UpstreamHandler, UpstreamHead } from './upstream-handler.ts';

/** What all fetches of an edge share. */
export interface RunContext {
  readonly clock: Clock;
  readonly events: UpstreamEvents;
  readonly retries: TokenBucket;
  readonly hedges: TokenBucket;
  /** times to the first word of parents */
  readonly latency: LatencyWindow;
  /** to a head, over all tries */
  readonly headTotalMs: number;
}

interface RunOptions extends RunContext {
  /** the best first */
  readonly candidates: readonly Target[];
  /** with its query */
  readonly path: string;
  /** nothing that was sent matters when it is sent again, and all of it can be */
  readonly isRepeatable: boolean;
  readonly mayHedge: boolean;
  readonly handler: UpstreamHandler;
  readonly send: (target: Target, handler: UpstreamHandler, reason: TryReason) => UpstreamFetch;
  readonly onOver: () => void;
}

interface Try {
  readonly target: Target;
  readonly reason: TryReason;
  readonly isTrial: boolean;
  readonly startedMs: number;
  fetching: UpstreamFetch | null;
  /** the target has said something, or was given up for saying nothing */
  isMeasured: boolean;
}

/** Hedging against a parent that is this fast would double requests over noise. */
const HEDGE_LEAST_MS = 5;
/** An origin that changes its processes refuses or resets for a moment. */
const SECOND_TRY_AFTER_MS = 100;
/** By which a parent says that it has to ask in its turn (RFC 2518 §10.1). */
const PROCESSING = 102;

const REFUSALS: ReadonlySet<number> = new Set([421, 502, 503, 504, 508]);

/** What says something about the target; the rest is ours. */
const TARGETS_FAULT: ReadonlySet<UpstreamErrorCode> = new Set([
  'connect',
  'timeout_connect',
  'timeout_head',
  'stalled',
  'reset',
  'protocol',
]);

/** The target had no chance to say anything of what was asked for. */
const UNREACHED: ReadonlySet<UpstreamErrorCode> = new Set(['connect', 'timeout_connect']);

export class FetchRun implements UpstreamFetch {
  readonly #options: RunOptions;
  readonly #waiting: Target[];
  readonly #tries = new Set<Try>();
  #winner: Try | null = null;
  #isOver = false;
  #hasAskedTwice = false;
  #deadline: NodeJS.Timeout | undefined;
  #second: NodeJS.Timeout | undefined;
  #hedge: NodeJS.Timeout | undefined;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#waiting = [...options.candidates];
  }

  start(): void {
    if (this.#isOver) return;
    const { headTotalMs } = this.#options;
    this.#deadline = setTimeout(() => this.#giveUp('timeout_total', `no head within ${headTotalMs} ms`), headTotalMs);
    const target = this.#nextAvailable();
    if (target === null) return this.#giveUp('unavailable', 'all who could be asked failed of late');
    this.#try(target, 'first');
    if (target.kind === 'parent' && this.#options.mayHedge) this.#planHedge();
  }

  /** Ends it before it began. */
  refuse(code: UpstreamErrorCode, detail: string): void {
    this.#giveUp(code, detail);
  }

  resume(): void {
    this.#winner?.fetching?.resume();
  }

  abort(): void {
    this.#giveUp('aborted', 'given up');
  }

  /** A target is known to be gone: what waits for it asks the next. */
  leave(target: Target): void {
    for (const one of this.#tries) {
      if (one.target !== target || one === this.#winner || !this.#options.isRepeatable) continue;
      this.#drop(one, 'timeout_head');
      this.#goOn(one, { code: 'timeout_head', detail: 'the parent went away', bytesReceived: 0, isRetryable: true });
    }
  }

  /** Whether somebody else answers already, or could be asked. */
  #hasOthers(): boolean {
    return this.#tries.size > 1 || this.#waiting.some(({ health }) => health.isAvailable);
  }

  #nextAvailable(kinds: readonly Target['kind'][] = ['parent', 'origin']): Target | null {
    const index = this.#waiting.findIndex(({ kind, health }) => kinds.includes(kind) && health.isAvailable);
    return index === -1 ? null : (this.#waiting.splice(index, 1)[0] as Target);
  }

  #try(target: Target, reason: TryReason): void {
    const { clock, events, send } = this.#options;
    events.tried(target.kind, reason);
    const isTrial = target.health.begin();
    const one: Try = { target, reason, isTrial, startedMs: clock.monotonicMs(), fetching: null, isMeasured: false };
    this.#tries.add(one);
    const { handler } = this.#options;
    const hearing: UpstreamHandler = {
      onInformation: (status, fields) => {
        if (!this.#tries.has(one) || this.#winner !== null) return;
        if (target.kind === 'parent' && status === PROCESSING) this.#onSign(one);
        else handler.onInformation(status, fields);
      },
      onHead: (head) => this.#onHead(one, head),
      onData: (chunk) => (this.#winner === one ? handler.onData(chunk) : true),
      onEnd: (trailers) => {
        if (this.#winner !== one) return;
        this.#finish();
        handler.onEnd(trailers);
      },
      onError: (error) => this.#onError(one, error),
    };
    one.fetching = send(target, hearing, reason);
  }

  /** A parent that is well has not got it and is at it: whoever else is asked would have an origin asked twice. */
  #onSign(one: Try): void {
    if (one.reason === 'hedge') return;
    this.#measure(one);
    clearTimeout(this.#hedge);
    for (const other of this.#tries) if (other.reason === 'hedge') this.#drop(other, 'aborted');
  }

  #planHedge(): void {
    const { latency, hedges } = this.#options;
    hedges.earn();
    if (latency.value === null) return;
    this.#hedge = setTimeout(
      () => {
        if (this.#winner !== null || this.#tries.size !== 1) return;
        const isThere = this.#waiting.some(({ kind, health }) => kind === 'parent' && health.isAvailable);
        if (!isThere || !hedges.spend()) return;
        this.#try(this.#nextAvailable(['parent']) as Target, 'hedge');
      },
      Math.max(latency.value, HEDGE_LEAST_MS),
    );
  }

  #onHead(one: Try, head: UpstreamHead): void {
    if (!this.#tries.has(one)) return;
    const { events, handler } = this.#options;
    if (isRefusal(one.target, head) && this.#options.isRepeatable && this.#hasOthers()) {
      this.#drop(one, 'refused');
      return this.#goOn(one, {
        code: 'unavailable',
        detail: `answered ${head.status}`,
        bytesReceived: 0,
        isRetryable: true,
      });
    }
    this.#winner = one;
    clearTimeout(this.#deadline);
    clearTimeout(this.#hedge);
    this.#measure(one);
    one.target.health.succeed();
    events.tryEnded(one.target.kind, 'answered');
    if (one.reason === 'hedge') events.hedgeWon();
    for (const other of this.#tries) if (other !== one) this.#drop(other, 'outrun');
    handler.onHead(head);
  }

  /** What a parent's first word took, or has taken so far. */
  #measure(one: Try): void {
    if (one.target.kind !== 'parent' || one.isMeasured) return;
    one.isMeasured = true;
    this.#options.latency.add(this.#options.clock.monotonicMs() - one.startedMs);
  }

  /** Ends a try that is not to be the one. */
  #drop(one: Try, outcome: TryOutcome): void {
    this.#tries.delete(one);
    if (outcome === 'outrun') {
      // It would have taken longer still.
      this.#measure(one);
      one.target.health.leave(one.isTrial);
    } else if (outcome === 'aborted') one.target.health.leave(one.isTrial);
    else one.target.health.fail(one.isTrial, this.#options.path);
    this.#options.events.tryEnded(one.target.kind, outcome);
    one.fetching?.abort();
  }

  #onError(one: Try, error: UpstreamError): void {
    if (!this.#tries.delete(one)) return;
    const { health, kind } = one.target;
    if (this.#winner === one) return this.#fail(error);
    // Of an origin one page may be broken that any viewer can ask for, and all others well.
    const isFault = TARGETS_FAULT.has(error.code) && !(kind === 'origin' && error.code === 'protocol');
    if (isFault) health.fail(one.isTrial, UNREACHED.has(error.code) ? undefined : this.#options.path);
    else health.leave(one.isTrial);
    this.#options.events.tryEnded(kind, error.code);
    const isWorthIt = error.isRetryable || (this.#options.isRepeatable && TARGETS_FAULT.has(error.code));
    if (isWorthIt) this.#goOn(one, error);
    else this.#fail(error);
  }

  /**
   * After a try that failed: another that is under way may answer; else the next is asked. A parent that fails has cost no
   * origin anything, so going on from it is free: all that waited for it at once may need to.
   */
  #goOn({ target }: Try, error: UpstreamError): void {
    if (this.#tries.size > 0) return;
    const { retries, events } = this.#options;
    const isThere = this.#waiting.some(({ health }) => health.isAvailable);
    if (!isThere && !this.#mayAskTwice(target, error)) return this.#fail(error);
    if (target.kind === 'origin' && !retries.spend()) {
      events.retryDenied();
      return this.#fail(error);
    }
    if (isThere) return this.#try(this.#nextAvailable() as Target, 'retry');
    this.#hasAskedTwice = true;
    this.#second = setTimeout(() => {
      if (target.health.isAvailable) this.#try(target, 'retry');
      else this.#fail(error);
    }, SECOND_TRY_AFTER_MS);
  }

  /** An origin beside which there is nobody, and that closed the door rather than being slow, has a second try. */
  #mayAskTwice({ kind }: Target, { code }: UpstreamError): boolean {
    const isClosed = code === 'connect' || code === 'reset';
    return kind === 'origin' && isClosed && !this.#hasAskedTwice;
  }

  #giveUp(code: UpstreamErrorCode, detail: string): void {
    if (this.#isOver) return;
    // Once there is a head, its fetch tells of its own end.
    if (this.#winner !== null) return this.#winner.fetching?.abort();
    for (const one of this.#tries) this.#drop(one, code);
    this.#fail({ code, detail, bytesReceived: 0, isRetryable: false });
  }

  #fail(error: UpstreamError): void {
    if (this.#isOver) return;
    for (const one of this.#tries) this.#drop(one, 'aborted');
    this.#finish();
    this.#options.handler.onError(error);
  }

  #finish(): void {
    this.#isOver = true;
    clearTimeout(this.#deadline);
    clearTimeout(this.#hedge);
    clearTimeout(this.#second);
    this.#options.onOver();
  }
}

/** A parent that says with a problem of its own that it cannot; what it passes on from an origin is an answer. */
function isRefusal({ kind }: Target, { status, fields }: UpstreamHead): boolean {
  if (kind !== 'parent' || !REFUSALS.has(status)) return false;
  return valueOf(fields, 'content-type') === 'application/problem+json';
}

/**
 * A run: one stretch of an object on its way in. When its upstream breaks off it is taken up where it stopped, from the same
 * upstream or another, if the bytes are provably the same object's; else it fails in the open.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { ProblemCode } from '@headwater/protocol/problem';
import { backoffMs } from '@headwater/service/backoff';
import type { FieldList } from '../http-cache/fields.ts';
import type { UpstreamError } from '../upstream/upstream-error.ts';
import type { Answer } from './answer.ts';
import type { Body, Span } from './body.ts';
import { codeOfUpstream } from './upstream-code.ts';

/** An answer that goes on from a byte, or why there is none: `changed` is for good. */
export type Continuation = Opened | 'unreachable' | 'changed';

interface Opened {
  readonly answer: Answer;
  readonly skipBytes: number;
  /** exclusive: as far as it says that it goes; null where it says nothing */
  readonly end: number | null;
}

export interface RunOptions {
  readonly first: number;
  /** exclusive; null: to the object's end */
  readonly end: number | null;
  /** asks for the bytes from a place on; null where that cannot be done */
  readonly reopen: ((fromByte: number) => Promise<Continuation>) | null;
  readonly random: () => number;
  readonly onResumed: () => void;
}

/** What comes in as it comes, and ends with its answer. */
export const PLAIN_RUN: RunOptions = {
  first: 0,
  end: null,
  reopen: null,
  random: () => 0,
  onResumed: () => undefined,
};

/** What a run brings its bytes to: a body, or the one viewer whom an answer is for. */
export type Intake = Pick<Body, 'begin' | 'append' | 'end' | 'fail'>;

/** Attempts that bring nothing, one after another, and in all. */
const FRUITLESS_LIMIT = 4;
const RESUME_LIMIT = 20;
const RETRY = { firstMs: 20, maxMs: 400 } as const;

/** How a run ended; `suspended`: others needed what it held, and it is taken up when somebody reads on. */
export type RunEnd = 'whole' | 'broken' | 'changed' | 'suspended';

type Ended =
  | { readonly kind: 'end'; readonly trailers: FieldList }
  | { readonly kind: 'broken'; readonly error: UpstreamError }
  | { readonly kind: 'full' };

/** The span of a run; its answer changes whenever it is taken up anew. */
class RunSpan implements Span {
  position: number;
  readonly end: number | null;
  #answer: Answer | null = null;
  isAborted = false;
  isSuspended = false;
  isOpen = false;

  constructor(first: number, end: number | null) {
    this.position = first;
    this.end = end;
  }

  follow(answer: Answer): void {
    this.#answer = answer;
    this.isOpen = true;
    if (this.isAborted) answer.abort();
  }

  resume(): void {
    this.#answer?.resume();
  }

  abort(): void {
    this.isAborted = true;
    this.#answer?.abort();
  }

  suspend(): void {
    this.isSuspended = true;
    this.abort();
  }
}

/**
 * Brings a stretch into a body. The span stands in the body at once, so readers wait for it.
 * @param opened the answer that begins it; null to ask for it
 * @returns how it ended: `changed` when what is there now is another object
 */
export function startRun(body: Intake, opened: Answer | null, options: RunOptions): Promise<RunEnd> {
  const span = new RunSpan(options.first, options.end);
  body.begin(span);
  return carry(body, span, opened, options);
}

async function carry(body: Intake, span: RunSpan, opened: Answer | null, options: RunOptions): Promise<RunEnd> {
  let next: Continuation =
    opened === null ? await reopen(span, options) : { answer: opened, skipBytes: 0, end: options.end };
  let code: ProblemCode = 'upstream_failed';
  for (let attempts = 0, fruitless = 0; attempts <= RESUME_LIMIT && fruitless < FRUITLESS_LIMIT; attempts += 1) {
    if (next === 'changed' || span.isAborted) break;
    const before = span.position;
    if (next !== 'unreachable') {
      span.follow(next.answer);
      const ended = await drain(body, span, next);
      if (ended.kind === 'end' && (span.end === null || span.position === span.end)) {
        body.end(span, ended.trailers);
        return 'whole';
      }
      if (ended.kind === 'full' || options.reopen === null || span.isAborted) {
        code = ended.kind === 'broken' ? codeOfUpstream(ended.error) : code;
        break;
      }
    }
    fruitless = span.position > before ? 0 : fruitless + 1;
    if (fruitless > 0) await sleep(backoffMs(fruitless, { ...RETRY, random: options.random }));
    options.onResumed();
    next = await reopen(span, options);
  }
  if (typeof next === 'object') next.answer.abort();
  if (span.isSuspended) return 'suspended';
  body.fail(span, code, next === 'changed');
  return next === 'changed' ? 'changed' : 'broken';
}

async function reopen(span: RunSpan, options: RunOptions): Promise<Continuation> {
  return options.reopen === null ? 'changed' : options.reopen(span.position);
}

function drain(body: Intake, span: RunSpan, { answer, skipBytes, end }: Opened): Promise<Ended> {
  // What comes behind that is no part of the object, whatever else it is.
  const last = Math.min(span.end ?? Infinity, end ?? Infinity);
  return new Promise((resolve) => {
    let toSkip = skipBytes;
    let isOver = false;
    const finish = (ended: Ended): void => {
      isOver = true;
      resolve(ended);
    };
    answer.pipe({
      data(chunk): boolean {
        if (isOver || span.isAborted) return false;
        const skipped = Math.min(toSkip, chunk.length);
        toSkip -= skipped;
        const rest = chunk.subarray(skipped);
        const room = last - span.position;
        const outcome = body.append(span, rest.subarray(0, room));
        if (outcome === 'full' || rest.length > room) {
          finish(outcome === 'full' ? { kind: 'full' } : { kind: 'end', trailers: [] });
          answer.abort();
          return false;
        }
        return outcome === 'more';
      },
      end: (trailers) => finish({ kind: 'end', trailers }),
      error: (error) => finish({ kind: 'broken', error }),
    });
  });
}

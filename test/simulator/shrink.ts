/** Makes a failing history small: takes out whatever is not needed for it to fail in the same way. */

import type { History, MiddleStep, Representation, RequestSpec, Step } from './history.ts';

/** Tries so many smaller histories at most. */
const TRIES_LIMIT = 250;

/** The smallest history found that still fails. */
export async function shrink(history: History, fails: (smaller: History) => Promise<boolean>): Promise<History> {
  let best = history;
  let tries = 0;
  for (;;) {
    let progressed = false;
    for (const smaller of smallerThan(best)) {
      if (tries >= TRIES_LIMIT) return best;
      tries += 1;
      if (!(await fails(smaller))) continue;
      best = smaller;
      progressed = true;
      break;
    }
    if (!progressed) return best;
  }
}

/** One change each, the largest first. */
function* smallerThan(history: History): Generator<History> {
  const { steps, start } = history;
  for (let size = Math.ceil(steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = steps.length - size; at >= 0; at -= size) {
      yield { ...history, steps: steps.toSpliced(at, size) };
    }
  }
  for (const [at, step] of steps.entries()) {
    // One after the other is easier to follow than at the same time.
    if (step.kind === 'hold') {
      const unrolled: Step[] = [{ kind: 'ask', requests: step.requests }, ...step.during];
      yield { ...history, steps: steps.toSpliced(at, 1, ...unrolled) };
    }
    for (const smaller of smallerSteps(step)) yield { ...history, steps: steps.with(at, smaller) };
  }
  if (history.layout !== 'alone') yield { ...history, layout: 'alone' };
  if (history.protocol !== 'http/1.1') yield { ...history, protocol: 'http/1.1' };
  for (const [place, representation] of Object.entries(start)) {
    for (const plainer of plainerThan(representation)) yield { ...history, start: { ...start, [place]: plainer } };
  }
}

function* smallerSteps(step: Step): Generator<Step> {
  if (step.kind === 'hold') {
    for (const at of step.during.keys()) yield { ...step, during: step.during.toSpliced(at, 1) };
    for (const [at, middle] of step.during.entries()) {
      for (const smaller of smallerMiddles(middle)) yield { ...step, during: step.during.with(at, smaller) };
    }
    for (const requests of fewer(step.requests)) yield { ...step, requests };
    return;
  }
  yield* smallerMiddles(step);
}

function* smallerMiddles(step: MiddleStep): Generator<MiddleStep> {
  if (step.kind === 'ask') for (const requests of fewer(step.requests)) yield { ...step, requests };
  if (step.kind === 'restart' && step.flipsBits) yield { ...step, flipsBits: false };
  if (step.kind === 'update') {
    for (const representation of plainerThan(step.representation)) yield { ...step, representation };
  }
}

function* fewer(requests: readonly RequestSpec[]): Generator<readonly RequestSpec[]> {
  if (requests.length > 1) for (const at of requests.keys()) yield requests.toSpliced(at, 1);
  for (const [at, request] of requests.entries()) {
    for (const change of PLAINER_REQUESTS) {
      if (differs(request, change)) yield requests.with(at, { ...request, ...change });
    }
  }
}

const PLAINER_REQUESTS: readonly Partial<RequestSpec>[] = [
  { language: null },
  { mode: null },
  { condition: null },
  { range: null },
  { directives: null },
  { authorization: false },
  { isSlow: false },
  { worker: 0 },
  { leavesAtByte: null },
  { method: 'GET' },
];

const PLAINER_ANSWERS: readonly Partial<Representation>[] = [
  { extras: false },
  { setsCookie: false },
  { tags: [] },
  { vary: [] },
  { ageS: null },
  { expiresInS: null },
  { targeted: null },
  { modifiedAgoS: null },
  { sendsDate: true },
  { ranges: 'good' },
  { framing: 'length' },
  { etag: 'strong' },
  { status: 200 },
  { control: 'max-age=60' },
  { lengthBytes: 100 },
];

function* plainerThan(representation: Representation): Generator<Representation> {
  for (const change of PLAINER_ANSWERS) {
    if (differs(representation, change)) yield { ...representation, ...change };
  }
}

function differs<T>(whole: T, change: Partial<T>): boolean {
  return Object.entries(change).some(
    ([name, value]) => JSON.stringify(whole[name as keyof T]) !== JSON.stringify(value),
  );
}

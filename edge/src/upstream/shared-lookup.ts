/**
 * One look-up of a name at a time. The system does two at once for the whole process, and one for which no name server answers
 * takes it many seconds: of one dead name that many ask for, the names of all others would wait behind every single one.
 */

import type { LookupFunction } from 'node:net';

type Callback = Parameters<LookupFunction>[2];

/** Whoever asks for what is being looked up gets the same answer. How many may ask is bounded where they dial. */
export function sharedLookup(lookup: LookupFunction): LookupFunction {
  const underWay = new Map<string, Callback[]>();
  return (hostname, options, callback) => {
    const question = JSON.stringify([hostname, options]);
    const waiting = underWay.get(question);
    if (waiting !== undefined) return void waiting.push(callback);
    const callbacks = [callback];
    underWay.set(question, callbacks);
    lookup(hostname, options, (...answer) => {
      underWay.delete(question);
      for (const each of callbacks) each(...answer);
    });
  };
}

/** How far a request may go (RFC 9110 §7.6.2). */

import { type FieldList, linesOf, without } from './fields.ts';
import type { RequestHead } from './request-head.ts';

const COUNTED_METHODS = new Set(['OPTIONS', 'TRACE']);
const NAME = new Set(['max-forwards']);

/**
 * The fields with which a request goes on: one hop less is left to it. Other methods, and what is no count, go on as they are.
 * @returns null when it goes no further: whoever has it answers
 */
export function fieldsOfNextHop({ method, fields }: RequestHead): FieldList | null {
  if (!COUNTED_METHODS.has(method)) return fields;
  const [line] = linesOf(fields, 'max-forwards');
  if (line === undefined || !/^\d+$/.test(line)) return fields;
  const left = Number(line);
  if (left === 0) return null;
  return [...without(fields, NAME), 'Max-Forwards', String(Math.min(left - 1, Number.MAX_SAFE_INTEGER))];
}

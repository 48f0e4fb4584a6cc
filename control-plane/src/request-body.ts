/** JSON bodies: decoded once, strictly, with an error that names the field. The media type is not asked for: curl sends none that fits. */

import type { Context } from 'hono';
import { problemResponse } from '@headwater/service/problem-response';
import type { z } from 'zod';

export type Body<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Response };

/** Reads the request's body as `schema` has it. An empty body counts as `{}`. */
export async function readBody<T>(context: Context, schema: z.ZodType<T>): Promise<Body<T>> {
  const value = parseJson(await context.req.text());
  if (value === undefined)
    return { ok: false, refusal: problemResponse('bad_json', { detail: 'the body is not JSON' }) };
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ok: true, value: parsed.data };
  return { ok: false, refusal: problemResponse('bad_field', { detail: describeIssue(parsed.error.issues[0]) }) };
}

/** Undefined for what is not JSON; JSON itself has no undefined. */
function parseJson(text: string): unknown {
  if (text === '') return {};
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** One line that names the field. */
export function describeIssue(issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined) return 'the body does not fit';
  if (issue.code === 'unrecognized_keys') return `${[...issue.path, issue.keys[0]].join('.')}: no such field`;
  const field = issue.path.join('.');
  return field === '' ? issue.message : `${field}: ${issue.message}`;
}

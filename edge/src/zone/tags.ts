/** The tags that an origin gives an object, by which it can be purged with others. */

import { type FieldList, linesOf } from '../http-cache/fields.ts';

/** Those beyond are not kept: a purge by them would miss the object, so origins are told of the limit in the docs. */
export const TAG_LIMIT = 128;
export const TAG_LIMIT_CHARS = 256;

/** `Cache-Tag` parts its tags by commas, `Surrogate-Key` by spaces. */
export function tagsOf(fields: FieldList): readonly string[] {
  const named = [
    ...linesOf(fields, 'cache-tag').flatMap((line) => line.split(',')),
    ...linesOf(fields, 'surrogate-key').flatMap((line) => line.split(' ')),
  ];
  const tags = named.map((tag) => tag.trim()).filter((tag) => tag !== '' && tag.length <= TAG_LIMIT_CHARS);
  return [...new Set(tags)].slice(0, TAG_LIMIT);
}

/** The tags that an origin gives an object, for purges by tag. */

import { PURGE_TAG_LIMIT_CHARS, zoneTag } from '@headwater/protocol/purge-scope';
import { type FieldList, linesOf } from '../http-cache/fields.ts';

/** Cloudflare's and Akamai's field, and Fastly's and Varnish's. */
const TAG_FIELDS = ['cache-tag', 'surrogate-key'] as const;

/** An object keeps so many tags, its zone's among them. */
export const TAG_LIMIT = 256;

/** In the place of tags that were too many or too long: then the purge of any tag reaches the object. No tag is like it. */
export const ANY_TAG = ' ';

/** Each tag once, that of the zone first. Commas and white space part them, in either field. */
export function tagsOf(zone: string, fields: FieldList): readonly string[] {
  const tags = new Set([zoneTag(zone)]);
  for (const field of TAG_FIELDS) {
    for (const line of linesOf(fields, field)) {
      for (const tag of line.split(/[,\s]+/)) {
        if (tag !== '') tags.add(tag);
      }
    }
  }
  const kept = [...tags].filter((tag) => tag.length <= PURGE_TAG_LIMIT_CHARS).slice(0, TAG_LIMIT);
  return kept.length === tags.size ? kept : [...kept, ANY_TAG];
}

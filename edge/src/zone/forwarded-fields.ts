/** Which fields of a viewer's request go on to an upstream. */

import { type FieldList, endToEnd, without } from '../http-cache/fields.ts';

/** What a viewer says of addresses and URLs would change an answer that others get too; ours are said anew. */
const NEVER_FORWARDED = new Set([
  'forwarded',
  'host',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-proto',
  'x-forwarded-server',
  'x-host',
  'x-http-method-override',
  'x-original-url',
  'x-rewrite-url',
]);

/** @param host the viewer's, where the zone names hosts; `''` otherwise: then nobody is told of it */
export function fieldsForUpstream(
  fields: FieldList,
  { host, scheme }: { readonly host: string; readonly scheme: string },
): FieldList {
  const own = without(endToEnd(fields), NEVER_FORWARDED);
  return host === '' ? own : [...own, 'X-Forwarded-Host', host, 'X-Forwarded-Proto', scheme];
}

/** Which fields of a viewer's request go on to an upstream. */

import { isPathTokenForm } from '@headwater/protocol/path-token';
import { SIGNING_PACKAGE, stripSigningPackage } from '@headwater/protocol/signing-package';
import type { ZoneEntry } from '@headwater/protocol/zone';
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

interface Forwarding {
  /** the viewer's, where the zone names hosts; `''` otherwise: then nobody is told of it */
  readonly host: string;
  readonly scheme: string;
  readonly policy: ZoneEntry['policy'];
}

export function fieldsForUpstream(fields: FieldList, { host, scheme, policy }: Forwarding): FieldList {
  const own = withoutTokens(without(endToEnd(fields), NEVER_FORWARDED), policy);
  return host === '' ? own : [...own, 'X-Forwarded-Host', host, 'X-Forwarded-Proto', scheme];
}

/** A bearer of a zone that wants tokens is the edge's own business. Whoever else it is for finds it in a cookie. */
const BEARER = /^bearer +/i;
const SIGNED_COOKIE = new RegExp(`^${SIGNING_PACKAGE}=`);
const TOKEN_SEGMENT = /\/t\/([^/?#]+)(?=[/?#]|$)/g;

/** No token goes to an upstream, wherever a viewer carries it: a page's own token stands in the Referer of what it embeds. */
function withoutTokens(fields: FieldList, policy: ZoneEntry['policy']): FieldList {
  const kept: string[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const [name = '', value = ''] = fields.slice(i, i + 2);
    const rest = withoutToken(name.toLowerCase(), value, policy);
    if (rest !== null) kept.push(name, rest);
  }
  return kept;
}

/** Null for a field of which nothing is left. */
function withoutToken(name: string, value: string, policy: ZoneEntry['policy']): string | null {
  switch (name) {
    case 'authorization':
      return policy === 'token' && BEARER.test(value) ? null : value;
    case 'cookie': {
      if (!value.includes(SIGNING_PACKAGE)) return value;
      const pairs = value.split(/; */).filter((pair) => !SIGNED_COOKIE.test(pair));
      return pairs.length === 0 ? null : pairs.join('; ');
    }
    case 'referer': {
      const bare = value.replace(TOKEN_SEGMENT, (whole, token: string) => (isPathTokenForm(token) ? '' : whole));
      return stripSigningPackage(bare);
    }
    default:
      return value;
  }
}

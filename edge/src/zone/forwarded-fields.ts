/** Which fields of a viewer's request go on to an upstream. An answer that others get, too, must not depend on the others. */

import { isPathTokenForm } from '@headwater/protocol/path-token';
import { SIGNING_PACKAGE, stripSigningPackage } from '@headwater/protocol/signing-package';
import type { ZoneEntry } from '@headwater/protocol/zone';
import { type FieldList, endToEnd } from '../http-cache/fields.ts';

/** What a viewer says of addresses, URLs and methods in place of the request's own. We say anew what is ours to say. */
const NEVER_FORWARDED: ReadonlySet<string> = new Set([
  'client-ip',
  'forwarded',
  'front-end-https',
  'host',
  // Programs that take HTTP_PROXY from their environment would send what they fetch there (CVE-2016-5385).
  'proxy',
  'request-uri',
  'true-client-ip',
  'x-backend-host',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-host',
  'x-http-destinationurl',
  'x-http-host-override',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-originating-ip',
  'x-override-url',
  'x-proxy-host',
  'x-real-ip',
  'x-remote-addr',
  'x-remote-ip',
  'x-url-scheme',
]);

/** Whole families: proxies', frameworks' inner ones (CVE-2025-29927), what is said to this edge (CTA-5004), our own. */
const NEVER_FORWARDED_PREFIXES = [
  'x-forwarded',
  'x-original-',
  'x-rewrite-',
  'x-middleware-',
  'x-envoy-',
  'cmcd-',
  'headwater-',
];

interface Forwarding {
  /** the viewer's, where the zone names hosts; `''` otherwise: then nobody is told of it */
  readonly host: string;
  readonly scheme: string;
  readonly policy: ZoneEntry['policy'];
}

export function fieldsForUpstream(fields: FieldList, { host, scheme, policy }: Forwarding): FieldList {
  const own = withoutTokens(harmless(endToEnd(fields)), policy);
  return host === '' ? own : [...own, 'X-Forwarded-Host', host, 'X-Forwarded-Proto', scheme];
}

function harmless(fields: FieldList): FieldList {
  return fields.filter((_, at) => mayGoOn((fields[at - (at % 2)] ?? '').toLowerCase()));
}

function mayGoOn(name: string): boolean {
  // To an upstream that hands fields to programs by CGI's names (RFC 3875 §4.1.18), an underscore is a hyphen.
  if (name.includes('_') || NEVER_FORWARDED.has(name)) return false;
  return !NEVER_FORWARDED_PREFIXES.some((prefix) => name.startsWith(prefix));
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

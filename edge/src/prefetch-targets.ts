/** What a player says that it is about to ask for (CMCD `nor`, `nrr`), as requests that it may make, or nothing. */

import { type Cmcd, withoutCmcd } from '@headwater/protocol/cmcd';

/** The request that it said so with. */
export interface Asked {
  /** in origin form, as the player sent it: with its token, where it has one */
  readonly url: string;
  /** the value of Host */
  readonly authority: string;
  /** the beginning of a path that all it may have shares: the zone's prefix, behind the token; ends with a slash */
  readonly within: string;
}

/** A request that the player would make. */
export interface PrefetchTarget {
  /** in origin form, without CMCD */
  readonly url: string;
  /** the value of Range; null: the whole object */
  readonly range: string | null;
}

/** Of one request, however much it names. */
export const PREFETCH_TARGETS_LIMIT = 2;
/** No reference is longer, nor what it leads to. */
export const REFERENCE_LIMIT_CHARS = 2_048;

/**
 * What a URL parser reads in more than one way: controls, white space, backslashes, fragments, and dots, slashes and
 * backslashes under a percent sign. Nobody needs them to name a segment.
 */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const AMBIGUOUS = /[^\u0021-\u007e]|[\\#]|%(?:00|2e|2f|5c|(?![0-9a-f]{2}))|\/\//i;
const ABSOLUTE = /^https?:\/\//i;

/** Only of the same origin and below {@link Asked.within}; the object that was asked for is not among them. */
export function prefetchTargetsOf({ next }: Pick<Cmcd, 'next'>, asked: Asked): readonly PrefetchTarget[] {
  const targets: PrefetchTarget[] = [];
  for (const { reference, range } of next) {
    if (targets.length >= PREFETCH_TARGETS_LIMIT) break;
    const url = resolve(reference, asked);
    if (url === null || (range === null && url === plain(asked.url))) continue;
    targets.push({ url, range: range === null ? null : `bytes=${range}` });
  }
  return targets;
}

/** RFC 3986 §5.2. Null for what leads elsewhere. */
function resolve(reference: string, { url, authority, within }: Asked): string | null {
  if (reference === '') return plain(url);
  const isAmbiguous = AMBIGUOUS.test(reference.replace(ABSOLUTE, ''));
  if (reference.length > REFERENCE_LIMIT_CHARS || isAmbiguous) return null;
  const base = URL.parse(`http://${authority}${url}`);
  const target = base === null ? null : URL.parse(reference, base.href);
  // A player behind TLS that ends before us names https; which of the two it is tells nothing apart here.
  if (target === null || target.host !== base?.host || !/^https?:$/.test(target.protocol)) return null;
  const found = plain(target.pathname + target.search);
  return target.pathname.startsWith(within) && found.length <= REFERENCE_LIMIT_CHARS ? found : null;
}

function plain(url: string): string {
  const [path = '', ...rest] = url.split('?');
  const query = withoutCmcd(rest.join('?'));
  return query === '' ? path : `${path}?${query}`;
}

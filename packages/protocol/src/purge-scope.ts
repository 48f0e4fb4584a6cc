/** What a purge is of: the same to who judges the order and to who carries it out, for streams' keys and for zones' objects. */

import type { Purge } from './feed.ts';
import { readPath } from './uri-path.ts';

/** An order, without what makes it one of many. */
export type PurgeTarget = Pick<Purge, 'url' | 'prefix' | 'tag' | 'all'>;

export type PurgeScope =
  | { readonly kind: 'all' }
  | { readonly kind: 'tag'; readonly tag: string }
  | {
      readonly kind: 'url' | 'prefix';
      /** in lower case, without port and closing dot; null where the order names none: whatever the host */
      readonly host: string | null;
      /** a path's name (see `readPath`), and the query where the order has one */
      readonly name: string;
    };

/** What every object of a stream or of a pull zone is tagged with, whatever its origin says. */
const STREAM_TAG = 'stream:';
const ZONE_TAG = 'zone:';
const LIVE_ROOT = '/live/';

export const PURGE_TAG_LIMIT_CHARS = 1_024;
/** Commas and spaces part tags in the fields that carry them. */
const TAG = /^[!-+\--~]+$/;
const ABSOLUTE = /^https?:\/\/([^/?#]+)(.*)$/is;

export function zoneTag(zone: string): string {
  return ZONE_TAG + zone;
}

/** Reads an order. A text says what is wrong with it: such an order would reach nothing, whatever is stored. */
export function readPurge({ url, prefix, tag, all }: PurgeTarget): PurgeScope | string {
  if (all === true) return { kind: 'all' };
  if (tag !== undefined) {
    if (tag.length > PURGE_TAG_LIMIT_CHARS) return `tag: wants at most ${PURGE_TAG_LIMIT_CHARS} characters`;
    return TAG.test(tag) ? { kind: 'tag', tag } : 'tag: wants printable ASCII without spaces and commas';
  }
  const kind = url === undefined ? 'prefix' : 'url';
  const absolute = ABSOLUTE.exec(url ?? prefix ?? '');
  const target = absolute === null ? (url ?? prefix ?? '') : (absolute[2] ?? '');
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const read = readPath(path === '' && absolute !== null ? '/' : path);
  if (!read.ok) return `${kind}: ${read.detail}`;
  const host = absolute === null ? null : (absolute[1] ?? '').toLowerCase().replace(/\.?(?::\d*)?$/, '');
  return { kind, host, name: read.name + (mark < 0 ? '' : target.slice(mark)) };
}

/** Whether a pull zone names a host. Where one does, streams are not to be had there. */
type NamesHost = (host: string) => boolean;

/** Which keys below `/live/` a purge is of: one, all that begin alike (`''`: every one), or none. */
export type KeyScope = { readonly key: string } | { readonly start: string } | null;

/** What a purge is of among streams' keys. The host does not count for them, unless it is a pull zone's. */
export function keysOf(scope: PurgeScope, namesHost: NamesHost): KeyScope {
  switch (scope.kind) {
    case 'all':
      return { start: '' };
    case 'tag':
      return scope.tag.startsWith(STREAM_TAG) ? { start: `${scope.tag.slice(STREAM_TAG.length)}/` } : null;
    case 'url':
    case 'prefix': {
      if (scope.host !== null && namesHost(scope.host)) return null;
      // Without the query, which no key has.
      const path = scope.name.split('?', 1)[0] ?? '';
      if (scope.kind === 'prefix' && LIVE_ROOT.startsWith(path)) return { start: '' };
      if (!path.startsWith(LIVE_ROOT)) return null;
      const key = path.slice(LIVE_ROOT.length);
      return scope.kind === 'url' ? { key } : { start: key };
    }
  }
}

/** Whether a purge is of every stream there is, whatever it is called. */
export function isOfEverything(scope: PurgeScope, namesHost: NamesHost): boolean {
  const keys = keysOf(scope, namesHost);
  return keys !== null && 'start' in keys && keys.start === '';
}

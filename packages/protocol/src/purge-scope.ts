/** What a purge by URL or prefix is of: the same to who judges the order and to who carries it out. */

const LIVE_ROOT = '/live/';

/** The key below `/live/` that a URL names; null for what no cache has. Hosts do not count. */
export function purgedKey(url: string): string | null {
  const path = pathOf(url);
  return path.startsWith(LIVE_ROOT) ? path.slice(LIVE_ROOT.length) : null;
}

/** What the keys begin with that a prefix names: `''` for everything, as `/` and `/live/` are; null for nothing. */
export function purgedPrefix(prefix: string): string | null {
  return LIVE_ROOT.startsWith(pathOf(prefix)) ? '' : purgedKey(prefix);
}

/** Without the query, which no key has. */
function pathOf(url: string): string {
  const path = url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/?]*/i, '');
  return path.split('?', 1)[0] ?? '';
}

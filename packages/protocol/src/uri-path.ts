/** Paths of URIs: their one normal form, and what else a server may take one for. */

/** Decodes what needs no encoding and writes the rest in upper case (RFC 3986 §6.2.2.1, §6.2.2.2). */
export function normalizePercent(text: string): string {
  if (!text.includes('%')) return text;
  return text.replace(/%([0-9A-Fa-f]{2})/g, (encoded, hex: string) => {
    const char = String.fromCharCode(Number.parseInt(hex, 16));
    return /[A-Za-z0-9._~-]/.test(char) ? char : encoded.toUpperCase();
  });
}

/** RFC 3986 §5.2.4 for a path that is empty or starts with a slash. */
export function removeDotSegments(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/');
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1;
    if (segment === '..' && kept.length > 1) kept.pop();
    if (segment !== '.' && segment !== '..') kept.push(segment);
    else if (last) kept.push('');
  }
  return kept.join('/');
}

// RFC 3986 §3.3: pchar and slashes.
const PATH = /^\/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*$/;

/** Whether a path stands in its normal form, and no server can take it for another one. */
export function isPlainPath(path: string): boolean {
  return PATH.test(path) && normalizePercent(path) === path && !isAmbiguous(path);
}

/** An encoded slash, a backslash, a parameter, an empty segment, a dot segment. */
const AMBIGUOUS = /%2F|%5C|[\\;]|\/(?:\/|\.{1,2}(?:\/|$))/;

/** Whether some server may take a path with {@link normalizePercent normal} encodings for another one. */
export function isAmbiguous(path: string): boolean {
  return AMBIGUOUS.test(path);
}

const SLASHED = (path: string): string => path.replaceAll(/\\|%2F|%5C/g, '/');
const BARE = (path: string): string => path.replaceAll(/;[^/]*/g, '');
const MERGED = (path: string): string => path.replaceAll(/\/{2,}/g, '/');
const CARELESSNESS = [SLASHED, BARE, MERGED, removeDotSegments];

/**
 * What servers may take a path for, itself among it: some decode slashes, some take backslashes for slashes, some drop the
 * parameters of segments, some merge empty segments, most resolve dot segments, and each combines these as it likes.
 * @param path with {@link normalizePercent normal} encodings
 */
export function readingsOf(path: string): ReadonlySet<string> {
  let readings = new Set([path]);
  for (const read of CARELESSNESS) readings = new Set([...readings].flatMap((reading) => [reading, read(reading)]));
  return readings;
}

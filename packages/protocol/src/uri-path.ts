/** Paths of URIs: their normal forms, and those that no two servers read alike. */

import type { ProblemCode } from './problem.ts';

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

/** A path and what it is known by. */
export interface ReadPath {
  readonly ok: true;
  /** as it came, without the query */
  readonly path: string;
  /**
   * What prefixes and purges are held against: no character is encoded that may stand for itself, empty segments are gone and
   * the hexadecimal digits of what is left are upper-case. A purge by it reaches every spelling.
   */
  readonly name: string;
}

export interface BadPath {
  readonly ok: false;
  readonly code: ProblemCode;
  readonly detail: string;
}

/** What can be spelled in one way only: no escapes, no empty segment, none that begins with a dot or has parameters. */
const PLAIN = /^(?:\/[\w~!$&'()*+,=:@-][\w.~!$&'()*+,=:@-]*)*\/?$/;
/** Visible ASCII (RFC 3986 §2) but for the marks of query and fragment, and the backslash, a slash to some. */
const PATH_CHARACTERS = /^[!-"$->@-[\]-~]*$/;
const ESCAPE = /%([\dA-Fa-f]{2})?/g;
/** What names keep encoded: what is no visible ASCII, and what would read as something else: % ? # and \ */
const KEPT_ENCODED = /[^!-~]|[%?#\\]/;

/** Escapes, as names write them, that origins differ about, and why. */
const AMBIGUOUS: readonly (readonly [RegExp, string])[] = [
  [/%(?:[01][\dA-F]|7F)/, 'the path has an encoded control character'],
  [/%5C/, 'the path has an encoded backslash'],
  // Some decode twice, and some decode what stands before them does not.
  [/%25(?:2[EF5]|5C|[01][\dA-F]|7F)/i, 'the path has something encoded twice'],
  // RFC 3629 §3: forms that are longer than they need be were a way to hide a slash or a dot.
  [/%C[01]%[89AB]|%E0%[89][\dA-F]%[89AB]|%F0%8[\dA-F]%[89AB][\dA-F]%[89AB]/, 'the path has an overlong form of UTF-8'],
  // RFC 3986 §5.2.4; what comes after a semicolon is a parameter to some.
  [/\/\.{1,2}(?:[/;]|$)/, 'the path has a dot segment'],
];

/** Reads a path: of a request, of a zone's prefix or of a purge. */
export function readPath(path: string): ReadPath | BadPath {
  if (PLAIN.test(path) && path !== '') return { ok: true, path, name: path };
  // Two slashes at the beginning would make a host of the first segment wherever a URL is put together.
  if (!path.startsWith('/') || path.startsWith('//')) return bad('the path does not begin with one slash');
  if (!PATH_CHARACTERS.test(path)) return bad('the path has a character that no path has');
  const name = nameOf(path);
  if (name === null) return bad('the path has a percent sign that encodes nothing');
  const complaint = AMBIGUOUS.find(([form]) => form.test(name));
  return complaint === undefined ? { ok: true, path, name } : bad(complaint[1]);
}

function nameOf(path: string): string | null {
  let isWhole = true;
  const decoded = path.replace(ESCAPE, (escape, digits: string | undefined) => {
    if (digits === undefined) isWhole = false;
    const character = String.fromCharCode(Number.parseInt(digits ?? '0', 16));
    return KEPT_ENCODED.test(character) ? escape.toUpperCase() : character;
  });
  return isWhole ? decoded.replace(/\/{2,}/g, '/') : null;
}

function bad(detail: string): BadPath {
  return { ok: false, code: 'bad_request', detail };
}

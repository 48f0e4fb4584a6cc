/**
 * The target of a request for somebody else's objects. The path goes on as it came. What is told apart by its prefix, its token
 * or a purge is told apart by its *name*: the one spelling of all those that an origin may take for the same path. What has a
 * meaning that origins differ about is refused: no reading of it is safe.
 */

import { isAuthority } from '@headwater/protocol/authority';
import type { ProblemCode } from '@headwater/protocol/problem';

/** A path and what it is known by. */
interface ReadPath {
  readonly ok: true;
  /** as it came, without the query */
  readonly path: string;
  /**
   * What prefixes and purges are held against: no character is encoded that may stand for itself, empty segments are gone and
   * the hexadecimal digits of what is left are upper-case. A purge by it reaches every spelling.
   */
  readonly name: string;
}

/** A request's target, read. `path` and `query` together go on to an origin. */
export interface RequestTarget extends ReadPath {
  /** in lower case, without port and closing dot; empty where the request names none */
  readonly host: string;
  /** as it came, with its question mark; empty where there is none */
  readonly query: string;
}

interface BadTarget {
  readonly ok: false;
  readonly code: ProblemCode;
  readonly detail: string;
}

/** RFC 9112 §3.2.2: its authority counts, whatever Host says. */
const ABSOLUTE = /^https?:\/\/([^/?#]+)([/?].*)?$/is;
const AUTHORITY = /^(.*?)\.?(?::\d*)?$/;

/** What can be spelled in one way only: no escapes, no empty segment, none that begins with a dot or has parameters. */
const PLAIN = /^(?:\/[\w~!$&'()*+,=:@-][\w.~!$&'()*+,=:@-]*)*\/?$/;
/** Visible ASCII (RFC 3986 §2) but for the fragment's mark, which no request has, and the backslash, a slash to some. */
const PATH_CHARACTERS = /^[!-"$-[\]-~]*$/;
const QUERY_CHARACTERS = /^[!-"$-~]*$/;
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

/**
 * Reads a request target.
 * @param url the request line's target, or HTTP/2's `:path`
 * @param authority the Host field, or HTTP/2's `:authority`
 */
export function readRequestTarget(url: string, authority: string | undefined): RequestTarget | BadTarget {
  const absolute = url.startsWith('/') ? null : ABSOLUTE.exec(url);
  if (absolute === null && !url.startsWith('/')) return bad('the target is no path');
  const named = absolute?.[1] ?? authority ?? '';
  const origin = absolute === null ? url : absolute[2] === undefined ? '/' : absolute[2].replace(/^\?/, '/?');
  // A percent sign in it could spell a host in a second way.
  if (!isAuthority(named) || named.includes('%')) return bad('the host is none');
  const mark = origin.indexOf('?');
  const query = mark < 0 ? '' : origin.slice(mark);
  if (!QUERY_CHARACTERS.test(query)) return bad('the query has a character that no URI has');
  const read = readPath(mark < 0 ? origin : origin.slice(0, mark));
  if (!read.ok) return read;
  const host = (AUTHORITY.exec(named)?.[1] ?? '').toLowerCase();
  return { ok: true, host, path: read.path, name: read.name, query };
}

/** Reads a path: of a request, of a zone's prefix or of a purge. */
export function readPath(path: string): ReadPath | BadTarget {
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

function bad(detail: string): BadTarget {
  return { ok: false, code: 'bad_request', detail };
}

/**
 * The target of a request for somebody else's objects. The path goes on as it came. What is told apart by its prefix, its token
 * or a purge is told apart by its *name*: the one spelling of all those that an origin may take for the same path. What has a
 * meaning that origins differ about is refused: no reading of it is safe.
 */

import { isAuthority } from '@headwater/protocol/authority';
import { type BadPath, type ReadPath, readPath } from '@headwater/protocol/uri-path';

/** A request's target, read. `path` and `query` together go on to an origin. */
export interface RequestTarget extends ReadPath {
  /** in lower case, without port and closing dot; empty where the request names none */
  readonly host: string;
  /** as it came, with its question mark; empty where there is none */
  readonly query: string;
}

/** RFC 9112 §3.2.2: its authority counts, whatever Host says. */
const ABSOLUTE = /^https?:\/\/([^/?#]+)([/?].*)?$/is;
const AUTHORITY = /^(.*?)\.?(?::\d*)?$/;

const QUERY_CHARACTERS = /^[!-"$-~]*$/;
/**
 * Reads a request target.
 * @param url the request line's target, or HTTP/2's `:path`
 * @param authority the Host field, or HTTP/2's `:authority`
 */
export function readRequestTarget(url: string, authority: string | undefined): RequestTarget | BadPath {
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

function bad(detail: string): BadPath {
  return { ok: false, code: 'bad_request', detail };
}

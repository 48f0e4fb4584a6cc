/** RFC 9246 §2.1.15: which URIs a session token's `cdniuc` claim covers. */

import { createHash } from 'node:crypto';
import { compilePosixRegex, matchesWhole } from './posix-regex.ts';
import { stripSigningPackage } from './signing-package.ts';
import { normalizePercent, removeDotSegments } from './uri-path.ts';

/** Longer URIs match no container: it bounds the time of a match. */
const URI_LIMIT_CHARS = 4_096;

/**
 * Whether a container covers a URI. The URI is compared without its session token and normalised. A `regex:` has to match the
 * whole URI: RFC 9246 does not say, and a part of one can stand in anybody's query.
 * @param uri absolute
 */
export function isInContainer(container: string, uri: string): boolean {
  const normal = uri.length <= URI_LIMIT_CHARS ? normalizeUri(stripSigningPackage(uri)) : null;
  if (normal === null) return false;
  if (container.startsWith('hash:')) return container.slice('hash:'.length) === hashContainer(normal);
  if (!container.startsWith('regex:')) return false;
  const regex = compilePosixRegex(container.slice('regex:'.length));
  return regex !== null && matchesWhole(regex, normal);
}

/** RFC 6920 §5, the URL segment form: algorithm and value. */
function hashContainer(uri: string): string {
  return `sha-256;${createHash('sha256').update(uri, 'latin1').digest('base64url')}`;
}

const URI = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?$/;
const DEFAULT_PORT: Readonly<Record<string, string>> = { http: '80', https: '443' };

/**
 * Normalises by RFC 3986 §6.2.2 and §6.2.3 and RFC 7230 §2.7.3: case of scheme, host and percent-encodings; unreserved
 * characters decoded; dot segments removed; no default port; `/` for an empty path. The fragment never travels.
 * @returns null for what is not an absolute hierarchical URI
 */
export function normalizeUri(uri: string): string | null {
  const parts = /^[!-~]*$/.test(uri) && !/%(?![0-9A-Fa-f]{2})/.test(uri) ? URI.exec(uri) : null;
  if (parts === null) return null;
  const [, scheme = '', authority = '', path = '', query = ''] = parts;
  const lowerScheme = scheme.toLowerCase();
  const [, host = '', port] = /^(.*?)(?::(\d*))?$/.exec(normalizePercent(authority).toLowerCase()) ?? [];
  const keepsPort = port !== undefined && port !== '' && port !== DEFAULT_PORT[lowerScheme];
  return [
    `${lowerScheme}://`,
    // Lower case for the host, but percent-encodings are written in upper case.
    normalizePercent(host),
    keepsPort ? `:${port}` : '',
    removeDotSegments(normalizePercent(path)) || '/',
    normalizePercent(query),
  ].join('');
}

/** Where a session token travels in a request (RFC 9246 §2, §3.3), and the URI without it. */

/** The name of the parameter and of the cookie (RFC 9246 §4.4). */
export const SIGNING_PACKAGE = 'URISigningPackage';

/** The parts of a request that can carry a session token. */
export interface PackageCarriers {
  /** absolute, or path and query, as received */
  readonly uri: string;
  readonly cookie?: string | undefined;
  readonly authorization?: string | undefined;
}

export interface SigningPackage {
  readonly token: string;
  readonly from: 'uri' | 'cookie' | 'authorization';
}

// RFC 6570 §3.2.7 writes `;name=value`, §3.2.8 `?name=value`, §3.2.9 `&name=value`.
const IN_URI = /[;?&]URISigningPackage=([A-Za-z0-9_.~-]*)/;
const IN_COOKIE = /(?:^|;\s*)URISigningPackage="?([A-Za-z0-9_.~-]*)"?\s*(?:;|$)/;
const BEARER = /^Bearer +([A-Za-z0-9_.~-]+) *$/i;

/**
 * Finds the session token of a request: in the URI (query or path parameter, the first one counts), else in the cookie, else
 * as a Bearer token.
 * @returns null when there is none
 */
export function findSigningPackage(carriers: PackageCarriers): SigningPackage | null {
  const inUri = IN_URI.exec(carriers.uri)?.[1];
  if (inUri !== undefined) return { token: inUri, from: 'uri' };
  const inCookie = IN_COOKIE.exec(carriers.cookie ?? '')?.[1];
  if (inCookie !== undefined) return { token: inCookie, from: 'cookie' };
  const bearer = BEARER.exec(carriers.authorization ?? '')?.[1];
  return bearer === undefined ? null : { token: bearer, from: 'authorization' };
}

// RFC 3986 §2.2 sub-delims.
const PARAMETER = /([;?&])URISigningPackage=[A-Za-z0-9_.~-]*([!$&'()*+,;=])?/;

/**
 * A URI without its session token (RFC 9246 §2.1.15): with the parameter goes the sub-delimiter that ends it, or else the
 * reserved character before it. Every such parameter goes, so that none is left to travel on.
 */
export function stripSigningPackage(uri: string): string {
  let stripped = uri;
  while (PARAMETER.test(stripped)) {
    stripped = stripped.replace(PARAMETER, (_, before: string, after?: string) => (after === undefined ? '' : before));
  }
  return stripped;
}

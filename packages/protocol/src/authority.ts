/** The Host of a request. Together with the path it makes the URI that a session token is held against. */

const AUTHORITY = /^(?:(?:[\w.~!$&'()*+;=-]|%[\dA-Fa-f]{2})*|\[[\dA-Fa-f:.]+\])(?::\d*)?$/;

/**
 * Whether a text is a host with or without a port (RFC 9110 §7.2). What holds more, a slash or a question mark, would put a path
 * of its own before that of the request. Several hosts, joined by commas, are none.
 */
export function isAuthority(text: string): boolean {
  return AUTHORITY.test(text);
}

/** Request targets in absolute form (RFC 9112 §3.2.2), as some proxies and tools send them to the server itself. */

import type { IncomingMessage, Server } from 'node:http';

const ABSOLUTE = /^https?:\/\/([^/?#@]+)(\/[^#]*)?$/i;
const SLASH = 47;

/** From now on the server's handlers see such a target as a path, with the Host that it names. Any other stays as it is. */
export function acceptAbsoluteForm(server: Server): void {
  server.prependListener('request', toOriginForm);
}

function toOriginForm(request: IncomingMessage): void {
  const { url = '', headers, rawHeaders } = request;
  if (url.charCodeAt(0) === SLASH) return;
  const [, host, path = '/'] = ABSOLUTE.exec(url) ?? [];
  if (host === undefined) return;
  request.url = path;
  // The Host that came along is ignored, whatever it says.
  headers.host = host;
  const at = rawHeaders.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
  if (at < 0) rawHeaders.push('Host', host);
  else rawHeaders[at + 1] = host;
}

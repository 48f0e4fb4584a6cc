/**
 * Pull zones: which requests an edge answers from whose HTTP origins. The same form in the API, in the feed and in an edge's
 * own zones file; whatever comes in goes through {@link parseZone} once.
 */

import { type IpPrefix, isInPrefix, parseIpPrefix } from './ip-prefix.ts';
import { isStreamName } from './names.ts';
import { readPath } from './uri-path.ts';

export interface ZoneEntry {
  readonly name: string;
  /** in lower case and without a port, or `*` alone for every host that no zone names */
  readonly hosts: readonly string[];
  /** what a path begins with, up to its end or to a slash; the path goes on to the origin unchanged */
  readonly pathPrefix: string;
  /** scheme and authority */
  readonly origins: readonly string[];
  readonly policy: 'public' | 'token';
}

/** The host of a zone for every host that no zone names. */
export const ANY_HOST = '*';

/** An edge and the control plane know so many zones. */
export const ZONE_LIMIT = 1_000;
export const ZONE_HOST_LIMIT = 64;
export const ZONE_ORIGIN_LIMIT = 16;
const PREFIX_LIMIT_CHARS = 256;
/** RFC 1035 §2.3.4. */
const HOST_LIMIT_CHARS = 253;

/** What became of reading a zone. `field` is where the complaint lies, such as `origins[1]`; empty for the whole. */
export type ZoneReading =
  | { readonly ok: true; readonly zone: ZoneEntry }
  | { readonly ok: false; readonly field: string; readonly complaint: string };

/** A zone's name is formed like a stream's. */
export function isZoneName(value: unknown): value is string {
  return isStreamName(value);
}

const SLASH = 0x2f;

/** Whether a path's name (see `readPath`) is below a zone's prefix, which ends where a segment does. */
export function isBelowPrefix(name: string, prefix: string): boolean {
  if (!name.startsWith(prefix)) return false;
  return prefix.endsWith('/') || name.length === prefix.length || name.charCodeAt(prefix.length) === SLASH;
}

const FIELDS: ReadonlySet<string> = new Set(['name', 'hosts', 'pathPrefix', 'origins', 'policy']);

/** Reads a zone as the API and the zones file have it: `hosts` is `["*"]` and `pathPrefix` `/` where they are absent. */
export function parseZone(value: unknown): ZoneReading {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return complain('', 'wants an object');
  const unknown = Object.keys(value).find((field) => !FIELDS.has(field));
  if (unknown !== undefined) return complain(unknown, 'is no field of a zone');
  const { name, hosts = [ANY_HOST], pathPrefix = '/', origins, policy } = value as Readonly<Record<string, unknown>>;
  if (!isZoneName(name)) return complain('name', 'wants 1 to 64 of A-Z a-z 0-9 _ -, starting with a letter or digit');
  if (policy !== 'public' && policy !== 'token') return complain('policy', 'wants public or token');
  const prefixComplaint = complaintOfPrefix(pathPrefix);
  if (prefixComplaint !== null) return complain('pathPrefix', prefixComplaint);
  const readHosts = readList(hosts, { field: 'hosts', most: ZONE_HOST_LIMIT, read: readHost });
  if (!readHosts.ok) return readHosts;
  if (readHosts.items.includes(ANY_HOST) && readHosts.items.length > 1) {
    return complain('hosts', `${ANY_HOST} is every host: it stands alone`);
  }
  const readOrigins = readList(origins, { field: 'origins', most: ZONE_ORIGIN_LIMIT, read: readOrigin });
  if (!readOrigins.ok) return readOrigins;
  const zone = { name, hosts: readHosts.items, pathPrefix: pathPrefix as string, origins: readOrigins.items, policy };
  return { ok: true, zone: zone as ZoneEntry };
}

type Failure = Extract<ZoneReading, { ok: false }>;
/** One item in the form in which it is kept, or what is wrong with it. */
type Item = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly complaint: string };

interface ListForm {
  readonly field: string;
  readonly most: number;
  readonly read: (text: string) => Item;
}

function readList(
  value: unknown,
  { field, most, read }: ListForm,
): Failure | { readonly ok: true; readonly items: readonly string[] } {
  if (!Array.isArray(value) || value.length === 0 || value.length > most) {
    return complain(field, `wants a list of 1 to ${most}`);
  }
  const items: string[] = [];
  for (const [index, text] of value.entries()) {
    const at = `${field}[${index}]`;
    if (typeof text !== 'string') return complain(at, 'wants a text');
    const item = read(text);
    if (!item.ok) return complain(at, `${item.complaint}, got ${JSON.stringify(text.slice(0, HOST_LIMIT_CHARS))}`);
    if (items.includes(item.text)) return complain(at, `${item.text} is there twice`);
    items.push(item.text);
  }
  return { ok: true, items };
}

function complain(field: string, complaint: string): Failure {
  return { ok: false, field, complaint };
}

/** A name of labels, an IPv4 address, or an IPv6 address in brackets; each as a URL parser would write it. */
const HOST =
  /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*|\[[0-9a-f:]+\])$/;

function readHost(text: string): Item {
  const host = text.toLowerCase();
  if (host === ANY_HOST) return { ok: true, text: host };
  // What the URL parser writes otherwise, such as 127.1, no client would send as it stands.
  const isHost = host.length <= HOST_LIMIT_CHARS && HOST.test(host) && urlOf(`http://${host}`)?.hostname === host;
  return isHost ? { ok: true, text: host } : { ok: false, complaint: 'wants a host name without a port, or *' };
}

function readOrigin(text: string): Item {
  const url = urlOf(text);
  const isPlain = url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
  // The URL parser drops an empty query, an empty user and the like; what is kept is what was meant.
  if (!isPlain || /[?#@\\\s]/.test(text))
    return { ok: false, complaint: 'wants http://HOST:PORT or https://HOST:PORT' };
  if (url.pathname !== '/') return { ok: false, complaint: 'wants no path: that of a request goes on unchanged' };
  if (isForbidden(url.hostname)) return { ok: false, complaint: 'wants no address at which clouds keep credentials' };
  return { ok: true, text: url.origin };
}

/**
 * Link-local networks (RFC 3927, RFC 4291 §2.5.6), also behind NAT64 (RFC 6052), hold no origin, but the metadata services of
 * clouds, with the credentials of the machine that asks; so do a few addresses besides. Loopback and private networks are where
 * origins usually stand.
 */
const FORBIDDEN_NETWORKS = [
  '169.254.0.0/16',
  '64:ff9b::a9fe:0/112',
  'fe80::/10',
  'fd00:ec2::/32',
  '100.100.100.200/32',
  '168.63.129.16/32',
  '192.0.0.192/32',
]
  .map((text) => parseIpPrefix(text))
  .filter((prefix): prefix is IpPrefix => prefix !== null);
const FORBIDDEN_NAMES: ReadonlySet<string> = new Set(['metadata', 'metadata.google.internal']);

/** Whether a zone may never pull from here: the host of a URL, or an address that its name was resolved to. */
export function isForbidden(host: string): boolean {
  const [address = ''] = (host.startsWith('[') ? host.slice(1, -1) : host).split('%', 1);
  if (FORBIDDEN_NAMES.has(address.replace(/\.$/, ''))) return true;
  const plain = mappedIpv4(address) ?? address;
  return FORBIDDEN_NETWORKS.some((network) => isInPrefix(plain, network));
}

/** The URL parser writes an IPv4-mapped address with its last 32 bits in hexadecimal. */
function mappedIpv4(address: string): string | null {
  const groups = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(address);
  if (groups === null) return null;
  const [high, low] = [groups[1], groups[2]].map((group) => Number.parseInt(group ?? '', 16));
  return [high, low].map((part = 0) => `${part >> 8}.${part & 0xff}`).join('.');
}

function complaintOfPrefix(value: unknown): string | null {
  if (typeof value !== 'string' || !value.startsWith('/')) return 'wants a path that begins with a slash';
  if (value.length > PREFIX_LIMIT_CHARS) return `wants at most ${PREFIX_LIMIT_CHARS} characters`;
  const read = readPath(value);
  if (!read.ok) return `${read.detail}: wants one that can be read in one way`;
  if (read.name !== value) return `wants its one spelling, ${read.name}`;
  if (value.includes(';')) return 'wants no semicolon: what comes after it is a parameter to some';
  if (value === '/t' || value.startsWith('/t/')) return 'wants another path than /t/, below which tokens stand';
  return null;
}

function urlOf(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}

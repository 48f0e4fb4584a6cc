/** The reference: what RFC 9111 says of one answer of the origin, written from the text and from nothing of the edge. */

import type { Exchange, FieldMap } from './exchange.ts';

export type Directives = ReadonlyMap<string, string | null>;

/** What the edge promises where the RFC leaves it to the cache. Seconds. */
export interface Bounds {
  /** of the time since the last modification (RFC 9111 §4.2.2) */
  readonly heuristicShare: number;
  readonly heuristicLongestS: number;
  /** by status: answers that are no content and say nothing, neither of their freshness nor of when they were modified */
  readonly negativeS: Readonly<Record<number, number>>;
  /** such answers that say when they were modified, at most */
  readonly negativeLongestS: number;
  /** stale-while-revalidate and stale-if-error where the answer says nothing */
  readonly whileRevalidateS: number;
  readonly ifErrorS: number;
}

/** Ages are whole seconds, and the edge may round where this does not. */
export const SLACK_S = 1;

const HEURISTIC_STATUSES = new Set([200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501]);
const TARGETED = 'cdn-cache-control';
/** RFC 9111 §1.2.2: what is larger counts as this. */
const DELTA_LIMIT = 2 ** 31;

export function parseDirectives(value: string | undefined): Directives {
  const directives = new Map<string, string | null>();
  for (const [, name = '', quoted, token] of (value ?? '').matchAll(
    /([^\s=,]+)(?:\s*=\s*(?:"([^"]*)"|([^\s,"]*)))?/g,
  )) {
    const lower = name.toLowerCase();
    // Of duplicates the first counts (§4.2.1).
    if (!directives.has(lower)) directives.set(lower, quoted ?? token ?? null);
  }
  return directives;
}

/** Delta-seconds, or 0 for what does not read as such: stale (§4.2.1). */
export function seconds(value: string | null): number {
  return value !== null && /^\d+$/.test(value) ? Math.min(Number(value), DELTA_LIMIT) : 0;
}

/** The directives that hold for a shared cache: of the targeted field alone where there is one (RFC 9213 §2.2). */
export function controlOf({ fields }: Exchange): Directives {
  return parseDirectives(fields.get(TARGETED) ?? fields.get('cache-control'));
}

/** How long an answer is fresh from its own making on. */
export function lifetimeS(exchange: Exchange, bounds: Bounds): number {
  const { fields } = exchange;
  const control = controlOf(exchange);
  const shared = control.get('s-maxage');
  if (shared !== undefined) return seconds(shared);
  const own = control.get('max-age');
  if (own !== undefined) return seconds(own);
  const dateMs = dateMsOf(exchange);
  const expires = fields.has(TARGETED) ? undefined : fields.get('expires');
  if (expires !== undefined) {
    const expiresMs = Date.parse(expires);
    return /^\w{3}, /.test(expires) && !Number.isNaN(expiresMs) ? Math.max(0, (expiresMs - dateMs) / 1000) : 0;
  }
  return heuristicS(exchange, dateMs, bounds);
}

function heuristicS(exchange: Exchange, dateMs: number, bounds: Bounds): number {
  const { fields, status } = exchange;
  // A 304 stands for the 200 that it confirms.
  if (!controlOf(exchange).has('public') && status !== 304 && !HEURISTIC_STATUSES.has(status)) return 0;
  const isNegative = status >= 300 && status !== 304;
  const modified = fields.get('last-modified');
  if (modified === undefined) return isNegative ? (bounds.negativeS[status] ?? 0) : 0;
  const sinceS = (dateMs - Date.parse(modified)) / 1000;
  const longestS = isNegative ? bounds.negativeLongestS : bounds.heuristicLongestS;
  return Math.min(Math.max(0, sinceS * bounds.heuristicShare), longestS);
}

/** Date, or when it came where it has none (RFC 9110 §6.6.1). */
function dateMsOf({ fields, headMs }: Exchange): number {
  const date = fields.get('date');
  return date === undefined ? (headMs ?? 0) : Date.parse(date);
}

/** §4.2.3, with a request that was sent at the moment at which the origin had it. */
export function ageS(exchange: Exchange, nowMs: number): number {
  const apparentMs = nowMs - Math.min(dateMsOf(exchange), exchange.headMs ?? nowMs);
  const sinceMs = nowMs - exchange.beganMs;
  return Math.max(apparentMs / 1000, seconds(exchange.fields.get('age') ?? null) + sinceMs / 1000);
}

/** Why an answer must not be handed to anyone but who caused it; null where it may. */
export function whyUnshared(exchange: Exchange): string | null {
  const control = controlOf(exchange);
  // Of statuses whose rules everybody knows (§5.2.2.3); the origin sends no other.
  if (control.has('no-store') && !control.has('must-understand')) return 'no-store';
  if (control.has('private') && control.get('private') === null) return 'private';
  if ((exchange.fields.get('vary') ?? '').includes('*')) return 'Vary: *';
  if (parseDirectives(exchange.request.get('cache-control')).has('no-store')) return 'no-store in the request';
  const allowed = control.has('public') || control.has('must-revalidate') || control.has('s-maxage');
  if (exchange.request.has('authorization') && !allowed) return 'Authorization (§3.5)';
  if (exchange.method !== 'GET' && exchange.method !== 'HEAD') return 'its method';
  return null;
}

/** Why a stale answer must not be used although something else would allow it (§4.2.4); null where it may. */
export function whyNeverStale(exchange: Exchange): string | null {
  const control = controlOf(exchange);
  for (const name of ['no-cache', 'must-revalidate', 'proxy-revalidate']) {
    if (control.has(name) && (name !== 'no-cache' || control.get(name) === null)) return name;
  }
  // Of a shared cache it means the same as proxy-revalidate (§5.2.2.10), unless the origin itself says how long (RFC 5861).
  const isExtended = control.has('stale-while-revalidate') || control.has('stale-if-error');
  return control.has('s-maxage') && !isExtended ? 's-maxage' : null;
}

/** The values by which a request selects among the variants of an answer, as that answer names them (§4.1). */
export function selecting(vary: string | undefined, request: FieldMap): string {
  const names = (vary ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  return names.map((name) => `${name}=${normalize(name, request.get(name))}`).join('&');
}

function normalize(name: string, value: string | undefined): string {
  if (value === undefined) return '(none)';
  return name === 'accept-language' ? value.trim().toLowerCase() : value.trim();
}

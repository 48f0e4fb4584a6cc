/** Cache-Status: what each cache on the way did (RFC 9211). */

export type ForwardReason = 'method' | 'uri-miss' | 'vary-miss' | 'request' | 'stale';

export type CacheOutcome =
  | { readonly kind: 'hit'; readonly ttlS?: number; readonly detail?: string }
  /** the cache's own words: neither was anything stored used nor anybody asked */
  | { readonly kind: 'own'; readonly detail: string }
  | {
      readonly kind: 'forwarded';
      readonly fwd: ForwardReason;
      /** the status of the next hop, where it is not that of the answer (§2.3) */
      readonly fwdStatus?: number;
      readonly isStored?: boolean;
      readonly isCollapsed?: boolean;
      readonly ttlS?: number;
      readonly detail?: string;
    };

/**
 * The value of the field: ours after those of the caches nearer to the origin (§2). The cache key is never told: it may hold
 * what a viewer should not see.
 */
export function formatCacheStatus(cache: string, outcome: CacheOutcome, before: string | undefined): string {
  const parameters: string[] = [formatIdentifier(cache)];
  if (outcome.kind === 'hit') parameters.push('hit');
  else if (outcome.kind === 'forwarded') {
    parameters.push(`fwd=${outcome.fwd}`);
    if (outcome.fwdStatus !== undefined) parameters.push(`fwd-status=${outcome.fwdStatus}`);
    if (outcome.isStored === true) parameters.push('stored');
    if (outcome.isCollapsed === true) parameters.push('collapsed');
  }
  if (outcome.kind !== 'own' && outcome.ttlS !== undefined) parameters.push(`ttl=${outcome.ttlS}`);
  if (outcome.detail !== undefined) parameters.push(`detail=${formatIdentifier(outcome.detail)}`);
  const ours = parameters.join('; ');
  return before === undefined || before === '' ? ours : `${before}, ${ours}`;
}

const TOKEN = /^[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*$/;

/** A token, or a string where the text is none (RFC 8941 §3.3.3, §3.3.4). */
export function formatIdentifier(text: string): string {
  if (TOKEN.test(text)) return text;
  const printable = text.replace(/[^\x20-\x7e]/g, '?');
  return `"${printable.replace(/["\\]/g, '\\$&')}"`;
}

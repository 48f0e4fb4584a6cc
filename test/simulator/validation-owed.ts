/** What a stored answer, or one that others wait for, may only be used for once its origin was asked (RFC 9111 §4, §5.2.2.4). */

import type { Asked, Exchange, Transcript } from './exchange.ts';
import { hasFailedDuring } from './origin-failure.ts';
import { type Bounds, controlOf, lifetimeS, parseDirectives, seconds, whyUnshared } from './rfc9111.ts';

interface Use {
  readonly asked: Asked;
  readonly source: Exchange;
  readonly transcript: Transcript;
  readonly bounds: Bounds;
}

/** Whether the origin must be asked for this request, whatever is there: nothing is fresh, and nothing excuses that. */
export function owesValidation({ asked, source, transcript, bounds }: Use): boolean {
  const wanted = parseDirectives(asked.fields.get('cache-control'));
  if (mustBeAskedFor(source) || wanted.has('no-cache')) return true;
  if (lifetimeS(source, bounds) > 0 || wanted.has('max-stale')) return false;
  if (seconds(controlOf(source).get('stale-while-revalidate') ?? null) > 0) return false;
  return !hasFailedDuring(asked, transcript);
}

/** Whether its origin gave it to more than the one who asked: it called it public, or gave it a time in which nobody asks. */
export function isForMany(source: Exchange, bounds: Bounds): boolean {
  return controlOf(source).has('public') || (lifetimeS(source, bounds) > 0 && !mustBeAskedFor(source));
}

function mustBeAskedFor(source: Exchange): boolean {
  const control = controlOf(source);
  return control.has('no-cache') && control.get('no-cache') === null;
}

/**
 * The update by which its origin took an answer back from everybody (§3.2): the same version, private or not to be stored from
 * then on. Of what happens between edges, and of what a killed one has on its disk, nobody promises that.
 */
export function withdrawalOf({ asked, source, transcript }: Use): Exchange | null {
  const { layout, exchanges, restarts } = transcript;
  if (layout !== 'alone' || source.representation === null) return null;
  const isWithdrawal = (other: Exchange): boolean =>
    other.place === source.place &&
    other.version === source.version &&
    other.variant === source.variant &&
    other.beganOrder > (source.headOrder ?? Infinity) &&
    (other.endOrder ?? Infinity) < asked.startOrder &&
    isUpdate(other) &&
    ['private', 'no-store'].includes(whyUnshared(other) ?? '') &&
    !restarts.some(({ order }) => order > other.beganOrder && order < asked.startOrder);
  return exchanges.find(isWithdrawal) ?? null;
}

/** It says something of what is stored, and to everybody (§4.3.4, §4.3.5). */
function isUpdate({ method, status, fields, request }: Exchange): boolean {
  if (request.has('authorization') || parseDirectives(request.get('cache-control')).has('no-store')) return false;
  const hasValidator = fields.has('etag') || fields.has('last-modified');
  return status === 304 || (method === 'HEAD' && status === 200 && hasValidator);
}

/** What a failure is called towards a viewer. */

import { PROBLEM_STATUS, type ProblemCode } from '@headwater/protocol/problem';
import type { Outcome } from './events.ts';
import type { FillFailure } from './fill.ts';
import type { HandOverReason } from './hand-over.ts';
import type { Standing } from './stream-view.ts';
import type { Whereabouts } from './timeline-reading.ts';

/** Why a media object did not come. */
export function codeOfFill(reason: FillFailure): ProblemCode {
  switch (reason) {
    case 'absent':
      return 'segment_not_found';
    case 'too-early':
      return 'too_early';
    case 'overloaded':
      return 'too_many_requests';
    case 'unavailable':
    case 'too-large':
    case 'abandoned':
      return 'upstream_failed';
    case 'timeout':
      return 'upstream_timeout';
  }
}

/** Why an object is not to be had, seen from where it stands; null when it may come. */
export function codeOfWhereabouts(whereabouts: Whereabouts): ProblemCode | null {
  switch (whereabouts) {
    case 'no-track':
      return 'track_not_found';
    case 'gone':
    case 'unheard':
      return 'segment_not_found';
    case 'too-early':
      return 'too_early';
    case 'there':
    case 'ahead':
      return null;
  }
}

/** Why a stream has no timeline here. A stream of the catalogue that its origin does not know is off air. */
export function codeOfStanding(standing: Standing): ProblemCode {
  switch (standing) {
    case 'offline':
    case 'absent':
      return 'stream_offline';
    case 'unreachable':
      return 'upstream_failed';
    case 'unknown':
    case 'on-air':
      return 'upstream_timeout';
  }
}

/**
 * A player that is answered 5xx for a segment, or nothing at all, stays with this edge for good; 429 makes it look elsewhere
 * (hls.js 1.7, dash.js 5.2). So a media object's trouble is never told as our own.
 */
export function softenForMedia(code: ProblemCode): ProblemCode {
  return PROBLEM_STATUS[code] >= 500 ? 'media_unavailable' : code;
}

/** Of what kind of trouble of this edge's own an error is, that another edge may not have; null for what is so everywhere. */
export function troubleOf(code: ProblemCode): HandOverReason | null {
  switch (code) {
    case 'too_many_requests':
    case 'too_many_streams':
    case 'too_many_waiters':
      return 'overload';
    case 'upstream_timeout':
      return 'deadline';
    // A stream that stands still does so at every edge.
    case 'blocked_too_long':
      return null;
    default:
      return PROBLEM_STATUS[code] >= 500 ? 'failure' : null;
  }
}

/** What a viewer asks for in vain is no failure of this edge: a fleet's canary is judged by those. */
export function outcomeOf(code: ProblemCode): Outcome {
  const status = PROBLEM_STATUS[code];
  if (status === 403) return 'refused';
  return status >= 500 || status === 429 ? 'failed' : 'declined';
}

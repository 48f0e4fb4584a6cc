/** What trouble with an upstream is called towards a viewer. */

import type { ProblemCode } from '@headwater/protocol/problem';
import type { UpstreamError } from '../upstream/upstream-error.ts';

export function codeOfUpstream({ code }: UpstreamError): ProblemCode {
  if (code === 'loop') return 'loop_detected';
  return code.startsWith('timeout') || code === 'stalled' ? 'upstream_timeout' : 'upstream_failed';
}

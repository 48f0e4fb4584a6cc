/** Trailers (RFC 9110 §6.5): they go on behind the body that they came with, and never among the fields before it. */

import type { Asked, Exchange } from './exchange.ts';
import { TRAILER } from './origin.ts';
import { isPlain } from './reuse.ts';
import type { Case } from './verdict.ts';

export function judgeTrailers({ asked, source, transcript, note }: Case): void {
  if (asked.answer.has(TRAILER)) note('trailers', 'among the fields before the body');
  const said = asked.trailers.get(TRAILER);
  if (said === undefined) {
    if (source !== null && isFirstReader(asked, source) && hasTrailers(source)) note('trailers', 'they did not go on');
    return;
  }
  const of = transcript.exchanges[Number(said) - 1];
  const isIts = of !== undefined && hasTrailers(of) && of.place === asked.place && of.version === source?.version;
  if (!isIts) note('trailers', `${said} is not behind this body`);
}

function hasTrailers({ representation }: Exchange): boolean {
  return representation?.extras === true && representation.framing === 'chunked';
}

/** It came for this request, whole. */
function isFirstReader(asked: Asked, source: Exchange): boolean {
  return (
    isPlain(asked) &&
    asked.isComplete &&
    source.method === 'GET' &&
    source.status === source.representation?.status &&
    source.ended === 'complete' &&
    source.beganOrder > asked.startOrder &&
    asked.body.length > 0 &&
    // Nor what was stored by then, nor a confirmation of what was: a parent may fetch what its child has.
    !/; hit|; collapsed|; fwd-status=304/.test(asked.answer.get('cache-status') ?? '') &&
    !asked.request.isSlow
  );
}

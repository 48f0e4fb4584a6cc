/** What happened to edges while a request was under way, and may have cost it its answer. */

import type { Asked, Happening, Transcript } from './exchange.ts';

interface Span {
  readonly order: number;
  readonly upOrder: number;
}

/** Restarts, and whatever makes others answer than before. */
export function upheavalsOf({ restarts, members }: Transcript): readonly Span[] {
  return [...restarts, ...members.filter(isUpheaval)];
}

/** Its own edge was started anew, or the worker that its connection was to died. */
export function isRestarted(asked: Asked, { layout, restarts, members }: Transcript): boolean {
  const own = members.filter((one) => layout === 'workers' && isUpheaval(one) && one.member === asked.request.worker);
  return [...restarts, ...own].some((span) => meets(span, asked));
}

/** Somebody whom its edge may have asked for it came or went. */
export function isForsaken(asked: Asked, { members }: Transcript): boolean {
  return members.some((one) => isUpheaval(one) && meets(one, asked));
}

function isUpheaval({ what }: Happening): boolean {
  return what !== 'hear';
}

function meets({ order, upOrder }: Span, { startOrder, endOrder }: Asked): boolean {
  return order < endOrder && upOrder > startOrder;
}

/** What a viewer asks of a pull zone, read once. */

import type { ProblemCode } from '@headwater/protocol/problem';
import type { ZoneEntry } from '@headwater/protocol/zone';
import type { RequestHead } from '../http-cache/request-head.ts';

export interface Ask {
  readonly zone: ZoneEntry;
  /** the name of what is asked for: zone, host where the zone names hosts, path and query */
  readonly key: string;
  /** as purges name it; `''` where the zone names no hosts */
  readonly host: string;
  /** the one spelling of path and query, as purges name it */
  readonly name: string;
  /** path and query, as the upstream is asked */
  readonly path: string;
  /** what of the viewer's request goes on to an upstream: the answer is for those of whom it sees the same */
  readonly request: RequestHead;
  /** the answer is one viewer's: caches behind us keep their hands off */
  readonly isPrivate: boolean;
  /** another edge or worker asks, who will answer its own viewers with it */
  readonly isForEdge: boolean;
  /** why the viewer may not have it any more, or null */
  readonly refusal?: () => ProblemCode | null;
}

/** What the edge promises besides RFC 9111; written down here once more, so that a change of it is seen. */

import type { Promises } from './verdict.ts';

export const PROMISES: Promises = {
  bounds: {
    heuristicShare: 0.1,
    heuristicLongestS: 86_400,
    negativeS: { 300: 60, 301: 60, 308: 60, 404: 2, 405: 10, 410: 60, 414: 10, 501: 10 },
    negativeLongestS: 60,
    whileRevalidateS: 0.5,
    ifErrorS: 60,
  },
  caches: true,
  cacheStatus: 'edge-1',
  resumes: true,
};

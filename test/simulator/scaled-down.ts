/** What is edited in every edge of the simulator, so that little and short goes through what much and long goes through. */

import type { SourceEdit } from './source-edits.ts';

/** Bodies of a few kilobytes go through all that bodies of many slices go through. */
export const SMALL_SLICES: SourceEdit = {
  file: 'edge/src/tiers/tier-entry.ts',
  text: 'export const SLICE_BYTES = 1024 * 1024;',
  replacement: 'export const SLICE_BYTES = 1024;',
};

/**
 * What waits on a machine's own clock, shortened: news of purges, a parent that does not answer, answers under way at an end.
 */
export const SHORT_WAITS: readonly SourceEdit[] = [
  { file: 'edge/src/neighbour.ts', text: 'const PURGE_NEWS_MS = 1_000;', replacement: 'const PURGE_NEWS_MS = 10;' },
  {
    file: 'edge/src/upstream/parent-probes.ts',
    text: 'const INTERVAL_MS = 1_000;\nconst DEADLINE_MS = 800;',
    replacement: 'const INTERVAL_MS = 250;\nconst DEADLINE_MS = 200;',
  },
  {
    file: 'edge/src/start-serving.ts',
    text: 'export const DRAIN_MS = 2_000;',
    replacement: 'export const DRAIN_MS = 100;',
  },
];

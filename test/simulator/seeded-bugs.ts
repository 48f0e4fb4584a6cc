/** Bugs that the simulator must catch, each put into the edge alone. A bug whose text is gone fails the test. */

import type { SourceEdit } from './source-edits.ts';

export interface SeededBug extends SourceEdit {
  readonly name: string;
  /** by so many histories it must have been caught */
  readonly within: number;
}

/** Bodies of a few kilobytes go through all that bodies of many slices go through. */
export const SMALL_SLICES: SourceEdit = {
  file: 'edge/src/tiers/tier-entry.ts',
  text: 'export const SLICE_BYTES = 1024 * 1024;',
  replacement: 'export const SLICE_BYTES = 1024;',
};

export const SEEDED_BUGS: readonly SeededBug[] = [];

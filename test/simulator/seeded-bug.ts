/** One bug that is put into the edge, and by when it must have been caught. */

import type { Layout } from './history.ts';
import type { SourceEdit } from './source-edits.ts';

export interface SeededBug extends SourceEdit {
  readonly name: string;
  /** in which it is to be seen; an edge alone unless said otherwise */
  readonly layout?: Layout;
  /** by so many histories it must have been caught */
  readonly within: number;
}

/** Most are caught by far fewer; what needs a rare moment says so itself. */
export const USUAL = 600;

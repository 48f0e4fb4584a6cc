/** A generation of the edge, in this process or in another. */

import type { Purged } from '../purge.ts';
import type { News } from './crew.ts';
import type { Estate } from './estate.ts';

export interface Member extends AsyncDisposable {
  /** Does what another was ordered to. */
  take(news: News): Promise<readonly Purged[]>;
  /** Gives all that a successor needs, and goes on without a disk; null when it is dead. */
  lend(): Promise<Estate | null>;
  /** Nobody took up what was lent. */
  keepOn(): Promise<void>;
  /** Takes its place in the fleet. */
  enter(): Promise<void>;
  /** Leaves its place to another. */
  leave(): Promise<void>;
  /** Takes no new connection, and comes back when all are closed. */
  retire(): Promise<void>;
  /** What was counted up to now, here and before; null when it is dead. */
  counts(): Promise<string | null>;
  /** The one before it has counted on. */
  noteCountsBefore(counts: string): Promise<void>;
}

/** What a history is played to: an edge, or in the simulator's own tests something smaller. */

import type { PurgeSpec } from './history.ts';

export interface SystemUnderTest extends AsyncDisposable {
  readonly port: number;
  /** the purge is in force when this resolves */
  purge(purge: PurgeSpec): Promise<void> | void;
  restart(how: { readonly kill: boolean; readonly flipsBits: boolean }): Promise<void>;
  /** a token for a zone's paths, or one that has run out */
  token(zone: string, expired: boolean): string;
}

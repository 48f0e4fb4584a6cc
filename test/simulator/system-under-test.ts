/** What a history is played to: edges, or in the simulator's own tests something smaller. */

import type { ManualClock } from '@headwater/service/clock';
import type { Layout, MemberStep, Protocol, PurgeSpec } from './history.ts';

export interface SystemUnderTest extends AsyncDisposable {
  /** grows with everything that moves inside of it */
  readonly activity: number;
  /** what goes on inside of it may wait for so long without a sign: the machine's own time */
  readonly restMs: number;
  /** where viewers reach it; of several workers that one, or another where it is gone */
  port(worker: number): number;
  /** the purge is in force when this resolves */
  purge(purge: PurgeSpec): Promise<void> | void;
  restart(how: { readonly kill: boolean; readonly flipsBits: boolean }): Promise<void>;
  /** something happens to one of its parents or workers, if it has any */
  happen(step: MemberStep): Promise<void>;
  /** a token for a zone's paths, or one that has run out */
  token(zone: string, expired: boolean): string;
}

export type StartSystem = (parts: {
  readonly clock: ManualClock;
  readonly originUrl: string;
  readonly layout: Layout;
  /** of an edge alone it may be HTTP/2 */
  readonly protocol: Protocol;
}) => Promise<SystemUnderTest>;

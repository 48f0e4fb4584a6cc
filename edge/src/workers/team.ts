/** A worker's place among the others of its node. */

import type { AddressTally } from './address-tally.ts';
import type { Ownership } from './ownership.ts';

/** What an object of a pull zone is known by. */
export interface NamedObject {
  readonly key: string;
  readonly host: string;
  readonly name: string;
}

/** Has all forget objects, `here` being how this process does; comes back when they have. */
export type OnForget = (objects: readonly NamedObject[], here: () => Promise<void>) => Promise<void>;

export interface Team {
  readonly ownership: Ownership;
  /** this one's number */
  readonly worker: number;
  /** where the workers have their sockets */
  readonly directory: string;
  /** what addresses have at the others */
  readonly tally: AddressTally;
  /** Has all of them forget objects; comes back when they have. */
  forget(objects: readonly NamedObject[]): Promise<void>;
}

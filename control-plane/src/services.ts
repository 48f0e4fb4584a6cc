/** What the routes work with; made once in the composition root. */

import type { SigningKey } from '@headwater/protocol/jws';
import type { Clock } from '@headwater/service/clock';
import type { ControlPlaneConfig } from './config.ts';
import type { Events } from './events.ts';
import type { Feed } from './feed.ts';
import type { Registry } from './registry/registry.ts';
import type { State } from './state/state.ts';

export interface Services {
  readonly config: ControlPlaneConfig;
  readonly clock: Clock;
  readonly events: Events;
  readonly state: State;
  readonly registry: Registry;
  readonly feed: Feed;
  readonly signer: SigningKey;
  readonly adminToken: string;
  readonly joinToken: string;
  /** falls when the control plane ends */
  readonly stopping: AbortSignal;
}

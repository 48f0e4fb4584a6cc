/** What the routes work with; made once in the composition root. */

import type { SigningKey } from '@headwater/protocol/jws';
import type { Clock } from '@headwater/service/clock';
import type { ControlPlaneConfig } from './config.ts';
import type { Events } from './events.ts';
import type { Feed } from './feed.ts';
import type { KeyObject } from 'node:crypto';
import type { Admission } from './admission.ts';
import type { EnrolledNodes } from './enrolled-nodes.ts';
import type { Fleet } from './fleet.ts';
import type { Idempotency } from './api/idempotency.ts';
import type { Purges } from './purges.ts';
import type { ConfigVersions } from './config-versions.ts';
import type { Registry } from './registry/registry.ts';
import type { People } from './people/people.ts';
import type { ShownCredentials } from './shown-credentials.ts';
import type { State } from './state/state.ts';

export interface Services {
  readonly config: ControlPlaneConfig;
  readonly clock: Clock;
  readonly events: Events;
  readonly state: State;
  readonly registry: Registry;
  readonly enrolled: EnrolledNodes;
  readonly fleet: Fleet;
  readonly admission: Admission;
  readonly purges: Purges;
  readonly configs: ConfigVersions;
  readonly feed: Feed;
  readonly people: People;
  readonly idempotency: Idempotency;
  readonly signer: SigningKey;
  readonly adminToken: string;
  /** lets any number of nodes in */
  readonly joinToken: string;
  /** signs nodes' credentials; the same at every replica */
  readonly credentialKey: KeyObject;
  readonly credentials: ShownCredentials;
  /** falls when the control plane ends */
  readonly stopping: AbortSignal;
}

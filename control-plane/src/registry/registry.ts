/** Who is in the fleet. Embedded in this process, or kept by a registry service; both pass `registry-contract.test.ts`. */

import type { FeedMessage } from '@headwater/protocol/feed';
import type { Heartbeat, JoinRequest, NodeRecord } from '@headwater/protocol/node';

/** A node as the control plane sees it. */
export interface Member {
  readonly record: NodeRecord;
  /** SHA-256 of the node's credential, base64url */
  readonly credentialHash: string;
  /** what the node has acknowledged of the feed */
  readonly cursor: string | null;
  /** wall clock; null when nothing was heard since this control plane started */
  readonly heardAtMs: number | null;
}

/** News of the fleet, for the feed. */
export type NodeNews = Extract<FeedMessage, { readonly type: 'node' | 'node-removed' }>;

export interface Registry extends AsyncDisposable {
  members(): readonly Member[];
  member(id: string): Member | null;
  /** Whose credential this is. */
  identify(credentialHash: string): Member | null;
  /**
   * Takes a node in, or a new process of a known one, whose old credential ends. When there is no room, the member that was
   * silent the longest makes it; `full` when all are healthy.
   */
  join(request: JoinRequest, credentialHash: string, limit: number): Promise<'joined' | 'full'>;
  /** False for an id that is not (any more) in the fleet. */
  heartbeat(id: string, beat: Heartbeat): Promise<boolean>;
  setDrained(id: string, drained: boolean): Promise<boolean>;
  remove(id: string): Promise<boolean>;
  /** Marks those unhealthy that were silent for too long. Called a few times a second. */
  sweep(): Promise<void>;
}

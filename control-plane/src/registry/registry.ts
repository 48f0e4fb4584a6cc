/**
 * Which nodes are alive, and which replica of the control plane hears them. Embedded in a control plane that stands alone, or
 * kept by Consul for replicas; both pass `registry-contract.parts.test.ts`. What must not be forgotten of a node is enrolment's, not
 * the registry's.
 */

import type { NodeDescription } from '@headwater/protocol/node';

/** A node as the replica that hears it announced it. */
export interface Instance {
  readonly node: NodeDescription;
  /** of two announcements under one id the one with the higher generation is the node */
  readonly generation: number;
  /** whose heartbeats count: the replica that announced it */
  readonly replica: string;
  /** the registry was told of its heartbeats; false also where the registry cannot know */
  readonly passing: boolean;
  /** an operator has taken it out of service */
  readonly maintenance: boolean;
}

/** Orders what leaders write: in one scope, the write with the higher index is the newer leader's. */
export interface Fence {
  /** a registry that lost its data has another one, and its indexes start anew */
  readonly scope: string;
  readonly index: number;
}

/** Singleton work is the leader's; its writes carry the fence. */
export interface Leadership {
  readonly isLeader: boolean;
  /** null while this replica does not lead */
  readonly fence: Fence | null;
}

/** Small values with an index each, changed only as their writer saw them. */
export interface KeyValue {
  get(key: string): Promise<{ readonly value: string; readonly index: number } | null>;
  /** @param index what `get` said; 0 for a key that must not be there */
  cas(key: string, value: string, index: number): Promise<boolean>;
}

export interface Registry extends AsyncDisposable {
  /** this replica's own name */
  readonly replica: string;
  readonly leadership: Leadership;
  readonly kv: KeyValue;
  /** The same values; changes them only while this replica leads, and throws `Deposed` when it does not. */
  readonly leaderKv: KeyValue;
  /** The last known ones by node id. An answer that is empty or fails takes none away. */
  instances(): ReadonlyMap<string, Instance>;
  /** This replica hears a node that it did not hear, or that says something new of itself: it is ours from now on. */
  announce(node: NodeDescription): Promise<void>;
  /** A heartbeat. Never waits; what goes wrong is mended behind. */
  beat(id: string): void;
  /** The operator's word on a node that is heard here, shown to whoever looks into the registry. */
  setMaintenance(id: string, on: boolean): Promise<void>;
  /** A node was removed. */
  withdraw(id: string): Promise<void>;
  /** The leader's, now and then: removes what nobody else would, such as what a replica that died had announced. */
  removeStale(isMember: (id: string) => boolean): Promise<void>;
  /** Calls back after instances changed, until the returned function is called; one that throws is called again. */
  onChange(listener: () => void): () => void;
}

/** Between replicas whose clocks differ too, a later announcement has the higher generation. */
export function nextGeneration(known: Instance | undefined, nowMs: number): number {
  return Math.max(Math.floor(nowMs), (known?.generation ?? 0) + 1);
}

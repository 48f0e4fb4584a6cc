/**
 * Which nodes are alive, and which replica of the control plane hears them. Embedded in a control plane that stands alone, or
 * kept by Consul for replicas; both pass `registry-contract.test.ts`. What must not be forgotten of a node is enrolment's, not
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
  /** what the registry makes of its heartbeats */
  readonly passing: boolean;
  /** the operator has taken it out of service */
  readonly maintenance: boolean;
}

/** Singleton work is the leader's; its writes carry the fence, which grows with every change of leader. */
export interface Leadership {
  readonly isLeader: boolean;
  readonly fence: number;
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
  /** The last known ones by node id. An answer that is empty or fails takes none away. */
  instances(): ReadonlyMap<string, Instance>;
  /** This replica hears a node that it did not hear, or that says something new of itself: it is ours from now on. */
  announce(node: NodeDescription): Promise<void>;
  /** A heartbeat. Never waits; what goes wrong is mended behind. */
  beat(id: string): void;
  /** The operator's word on a node, shown to whoever looks into the registry. */
  setMaintenance(id: string, on: boolean): Promise<void>;
  /** A node was removed. */
  withdraw(id: string): Promise<void>;
  /** Calls back after instances changed, until the returned function is called. */
  onChange(listener: () => void): () => void;
}

/** Between replicas whose clocks differ too, a later announcement has the higher generation. */
export function nextGeneration(known: Instance | undefined, nowMs: number): number {
  return Math.max(Math.floor(nowMs), (known?.generation ?? 0) + 1);
}

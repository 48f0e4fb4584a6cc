/** What every node reads of its environment: who and where it is, and the fleet it belongs to. */

import { isNodeId, isZone } from '@headwater/protocol/names';
import type { NodeDescription, Place } from '@headwater/protocol/node';
import { ConfigError, type Environment, httpUrls, integer, place, text } from './env.ts';

/** Who and where a node is. */
export interface NodeIdentity {
  readonly nodeId: string;
  /** the host that others are told to reach us by */
  readonly publicHost: string;
  /** replicas of the control plane, any of which will do; at least one */
  readonly controlUrls: readonly string[];
  /** empty: this node has joined before */
  readonly joinToken: string;
  readonly place: Place | null;
  readonly zone: string;
  readonly failureDomain: string;
  readonly capacityBitsPerSecond: number;
}

const GIGABIT = 1_000_000_000;

/**
 * Reads it; the service's `config.ts` passes the environment.
 * @param fallbackId the node's id where none is set
 * @throws ConfigError naming the variable
 */
export function readNodeIdentity(env: Environment, fallbackId: string): NodeIdentity {
  const nodeId = text(env, 'HEADWATER_NODE_ID', fallbackId);
  if (!isNodeId(nodeId)) {
    throw new ConfigError(
      'HEADWATER_NODE_ID',
      `wants lower-case letters, digits and hyphens, got ${JSON.stringify(nodeId)}`,
    );
  }
  return {
    nodeId,
    publicHost: text(env, 'HEADWATER_PUBLIC_HOST', '127.0.0.1'),
    controlUrls: httpUrls(env, 'HEADWATER_CONTROL_URL', 'http://127.0.0.1:7000'),
    joinToken: text(env, 'HEADWATER_JOIN_TOKEN', ''),
    place: place(env, 'HEADWATER_PLACE'),
    zone: zoneName(env, 'HEADWATER_ZONE', 'default'),
    failureDomain: zoneName(env, 'HEADWATER_FAILURE_DOMAIN', nodeId),
    capacityBitsPerSecond: integer(env, 'HEADWATER_CAPACITY_BITS_PER_SECOND', {
      fallback: GIGABIT,
      min: 1_000_000,
      max: 1_000_000 * GIGABIT,
    }),
  };
}

function zoneName(env: Environment, variable: string, fallback: string): string {
  const value = text(env, variable, fallback);
  if (!isZone(value))
    throw new ConfigError(variable, `wants lower-case letters, digits and hyphens, got ${JSON.stringify(value)}`);
  return value;
}

/** What a process says of itself, from its identity and what it learned as it started. */
export function describeNode(
  identity: NodeIdentity,
  own: Pick<NodeDescription, 'role' | 'url' | 'version' | 'rtmpUrl' | 'rtmpsUrl'>,
): NodeDescription {
  const { nodeId: id, place, zone, failureDomain, capacityBitsPerSecond } = identity;
  return { id, place, zone, failureDomain, capacityBitsPerSecond, ...own };
}

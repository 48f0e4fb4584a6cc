/** A node as Consul keeps it: a service with a TTL check, tags for people, and meta that says all that we know. */

import { isNodeId, isZone } from '@headwater/protocol/names';
import type { NodeDescription, NodeRole, Place } from '@headwater/protocol/node';
import type { Instance } from './registry.ts';

/** Every node is an instance of this service, so that one watch sees the fleet. */
export const NODE_SERVICE = 'headwater-node';
/** A node that says nothing for longer is critical. */
const TTL = '2s';
/** What nobody takes over or removes is forgotten by Consul in the end. */
const FORGET_AFTER = '72h';
/** Consul's own, of a service that an operator took out. */
const MAINTENANCE = '_service_maintenance:';

const ROLES: readonly NodeRole[] = ['edge', 'origin', 'geo'];

/** What `agent.service.register` takes. */
export function serviceOf({ node, generation, replica }: Pick<Instance, 'node' | 'generation' | 'replica'>) {
  const { hostname, port, protocol } = new URL(node.url);
  const { id, role, zone, failureDomain, place, capacityBitsPerSecond, version, url, rtmpUrl, rtmpsUrl } = node;
  return {
    id,
    name: NODE_SERVICE,
    address: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
    tags: [role, `zone-${zone}`],
    meta: {
      role,
      zone,
      failureDomain,
      capacityBitsPerSecond: String(capacityBitsPerSecond),
      version,
      url,
      generation: String(generation),
      replica,
      ...(place === null ? {} : { place: `${place.latitude},${place.longitude}` }),
      ...(rtmpUrl === undefined ? {} : { rtmpUrl }),
      ...(rtmpsUrl === undefined ? {} : { rtmpsUrl }),
    },
    check: {
      name: 'heartbeat',
      ttl: TTL,
      timeout: TTL,
      status: 'passing',
      deregistercriticalserviceafter: FORGET_AFTER,
    },
  };
}

/** The check that a node's heartbeats pass. */
export function checkOf(nodeId: string): string {
  return `service:${nodeId}`;
}

/** An entry of `GET /v1/health/service/…`. */
interface HealthEntry {
  readonly Node: { readonly Node: string };
  readonly Service: { readonly ID: string; readonly Meta: Readonly<Record<string, string | undefined>> | null };
  readonly Checks: readonly { readonly CheckID: string; readonly Status: string }[];
}

/** An instance, and the Consul node whose agent has it. */
export interface Announcement {
  readonly agent: string;
  readonly instance: Instance;
}

/** Reads a health answer. Entries that are not ours are passed over: anybody may register a service under any name. */
export function readAnnouncements(answer: unknown): readonly Announcement[] {
  const entries = Array.isArray(answer) ? (answer as readonly HealthEntry[]) : [];
  return entries.flatMap((entry) => {
    const instance = readInstance(entry);
    return instance === null ? [] : [{ agent: entry.Node.Node, instance }];
  });
}

function readInstance({ Service: service, Checks: checks }: HealthEntry): Instance | null {
  const {
    role,
    zone,
    failureDomain,
    version = '',
    url,
    replica,
    generation,
    capacityBitsPerSecond,
    ...rest
  } = service.Meta ?? {};
  const known = ROLES.find((candidate) => candidate === role);
  if (known === undefined || !isNodeId(service.ID) || !isZone(zone) || !isZone(failureDomain)) return null;
  if (url === undefined || replica === undefined || !/^\d{1,15}$/.test(generation ?? '')) return null;
  const { rtmpUrl, rtmpsUrl, place } = rest;
  const node: NodeDescription = {
    id: service.ID,
    role: known,
    url,
    place: readPlace(place),
    zone,
    failureDomain,
    capacityBitsPerSecond: Number(capacityBitsPerSecond) || 0,
    version,
    ...(rtmpUrl === undefined ? {} : { rtmpUrl }),
    ...(rtmpsUrl === undefined ? {} : { rtmpsUrl }),
  };
  const isMaintenance = ({ CheckID: id }: { readonly CheckID: string }): boolean => id.startsWith(MAINTENANCE);
  return {
    node,
    generation: Number(generation),
    replica,
    passing: checks.every((check) => isMaintenance(check) || check.Status === 'passing'),
    maintenance: checks.some(isMaintenance),
  };
}

function readPlace(text: string | undefined): Place | null {
  const [latitude = NaN, longitude = NaN] = (text ?? '').split(',').map(Number);
  return Number.isFinite(latitude) && Number.isFinite(longitude) ? { latitude, longitude } : null;
}

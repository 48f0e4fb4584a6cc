/** Which processes make a fleet, on which ports, with which variables. */

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { reservePorts } from './ports.ts';

/** One service of a fleet. */
export interface ServicePlan {
  /** also its node id */
  readonly name: string;
  readonly workspace: string;
  readonly url: string;
  readonly variables: Readonly<Record<string, string>>;
  /** stands before its command, such as what runs it on a network of its own */
  readonly prefix?: readonly string[];
}

/** Every service of a fleet, in the order to start them, and where to reach what. */
export interface FleetPlan {
  /** what a node joins with */
  readonly joinToken: string;
  readonly services: readonly ServicePlan[];
  readonly controlUrl: string;
  readonly geoUrl: string;
  readonly originUrl: string;
  /** in the order of the origins */
  readonly rtmpUrls: readonly string[];
  readonly edgeUrls: readonly string[];
}

interface Given {
  readonly edges: number;
  readonly origins: number;
  /** services that are not wanted, by name */
  readonly without: readonly string[];
  readonly directory: string;
  readonly adminToken: string;
}

/** Lays a fleet out on free ports. */
export async function planFleet({ edges, origins, without, directory, adminToken }: Given): Promise<FleetPlan> {
  const [control = 0, geo = 0, ...rest] = await reservePorts(2 + 2 * edges + 3 * origins);
  const viewerPorts = rest.slice(0, edges);
  const originPorts = rest.slice(2 * edges, 2 * edges + origins);
  const rtmpPorts = rest.slice(2 * edges + origins);
  const joinToken = randomBytes(16).toString('hex');
  const service = (name: string, port: number, variables: Record<string, string>): ServicePlan => ({
    name,
    workspace: name.replace(/-\d+$/, ''),
    url: httpUrl(port),
    variables: {
      HEADWATER_CONTROL_URL: httpUrl(control),
      HEADWATER_JOIN_TOKEN: joinToken,
      HEADWATER_DATA_DIR: join(directory, name),
      HEADWATER_NODE_ID: name,
      ...variables,
    },
  });
  const origin = (port: number, index: number): ServicePlan =>
    service(index === 0 ? 'origin' : `origin-${index + 1}`, port, {
      HEADWATER_ORIGIN_PORT: String(port),
      HEADWATER_RTMP_PORT: String(rtmpPorts[index]),
      HEADWATER_RTMPS_PORT: String(rtmpPorts[origins + index]),
    });
  const edge = (port: number, index: number): ServicePlan =>
    service(`edge-${index + 1}`, port, {
      HEADWATER_EDGE_PORT: String(port),
      HEADWATER_EDGE_ADMIN_PORT: String(rest[edges + index]),
      // A fleet on one machine; a test of several workers asks for them.
      HEADWATER_EDGE_WORKERS: '1',
    });
  const services = [
    service('control-plane', control, {
      HEADWATER_CONTROL_PORT: String(control),
      HEADWATER_GEO_PORT: String(geo),
      HEADWATER_ADMIN_TOKEN: adminToken,
    }),
    service('geo', geo, { HEADWATER_GEO_PORT: String(geo) }),
    ...originPorts.map(origin),
    ...viewerPorts.map(edge),
  ];
  return {
    joinToken,
    services: services.filter(({ name }) => !without.includes(name)),
    controlUrl: httpUrl(control),
    geoUrl: httpUrl(geo),
    originUrl: httpUrl(originPorts[0] ?? 0),
    rtmpUrls: rtmpPorts.slice(0, origins).map((port) => `rtmp://127.0.0.1:${port}`),
    edgeUrls: viewerPorts.map(httpUrl),
  };
}

function httpUrl(port: number): string {
  return `http://127.0.0.1:${port}`;
}

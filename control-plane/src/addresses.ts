/** Where publishers and viewers are sent: to nodes that are in the fleet, else to what the configuration says. */

import type { NodeRecord, NodeRole } from '@headwater/protocol/node';
import { SIGNING_PACKAGE } from '@headwater/protocol/signing-package';
import { ANY_HOST, type ZoneEntry } from '@headwater/protocol/zone';
import type { ControlPlaneConfig } from './config.ts';
import type { Fleet } from './fleet.ts';

type Names = Pick<ControlPlaneConfig, 'publicHost' | 'edgePort' | 'geoPort' | 'rtmpPort'>;

/** Where a publisher connects, and with what. */
export interface PublishAddress {
  readonly publishUrl: string;
  /** what OBS calls server and stream key */
  readonly server: string;
  readonly streamKey: string;
}

export function publishAddress(stream: { name: string; key: string }, fleet: Fleet, names: Names): PublishAddress {
  const origin = firstFit(fleet, 'origin', (node) => node.rtmpUrl !== undefined);
  const server = `${origin?.rtmpUrl ?? `rtmp://${names.publicHost}:${names.rtmpPort}`}/live`;
  const streamKey = `${stream.name}?key=${stream.key}`;
  return { publishUrl: `${server}/${streamKey}`, server, streamKey };
}

/** A session's URLs at the viewers' door. */
export interface ViewerUrls {
  readonly hls: string;
  readonly dash: string;
  readonly ts: string;
  readonly watch: string;
}

export function viewerUrls(stream: string, token: string, fleet: Fleet, names: Names): ViewerUrls {
  const door = firstFit(fleet, 'geo', () => true)?.url ?? `http://${names.publicHost}:${names.geoPort}`;
  const query = `?${SIGNING_PACKAGE}=${token}`;
  return {
    hls: `${door}/live/${stream}/master.m3u8${query}`,
    dash: `${door}/live/${stream}/manifest.mpd${query}`,
    ts: `${door}/live/${stream}/ts.m3u8${query}`,
    watch: `${door}/watch/${stream}${query}`,
  };
}

/** Where a path of a zone is to be had: at an edge, under the zone's own host where it has one. */
export function zoneUrl(
  { hosts }: ZoneEntry,
  { path, token }: { readonly path: string; readonly token: string },
  fleet: Fleet,
  { publicHost, edgePort }: Names,
): string {
  const edge = new URL(firstFit(fleet, 'edge', () => true)?.url ?? `http://${publicHost}:${edgePort}`);
  const [host = ANY_HOST] = hosts;
  if (host !== ANY_HOST) edge.hostname = host;
  return `${edge.origin}${path}${path.includes('?') ? '&' : '?'}${SIGNING_PACKAGE}=${token}`;
}

function firstFit(fleet: Fleet, role: NodeRole, fits: (node: NodeRecord) => boolean): NodeRecord | undefined {
  const nodes = fleet.members().map(({ record }) => record);
  return nodes.find((node) => node.role === role && node.healthy && !node.draining && fits(node));
}

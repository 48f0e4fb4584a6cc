/** Whether the ports are free, found out before anything is started: who else is there might answer in our services' place. */

import { createServer } from 'node:net';
import { listen } from '@headwater/service/listen';
import type { CliConfig } from './config.ts';

/** @throws ListenError for the first port that cannot be had, naming its variable */
export async function requirePorts(config: CliConfig): Promise<void> {
  const { edgePort, edgeAdminPort } = config;
  const ports: readonly (readonly [variable: string, port: number])[] = [
    ['HEADWATER_CONTROL_PORT', config.controlPort],
    ['HEADWATER_GEO_PORT', config.geoPort],
    ['HEADWATER_ORIGIN_PORT', config.originPort],
    ['HEADWATER_RTMP_PORT', config.rtmpPort],
    ['HEADWATER_RTMPS_PORT', config.rtmpsPort],
    ['HEADWATER_EDGE_PORT', edgePort],
    ['HEADWATER_EDGE_PORT', edgePort + 1],
    ['HEADWATER_EDGE_ADMIN_PORT', edgeAdminPort],
    ['HEADWATER_EDGE_ADMIN_PORT', edgeAdminPort + 1],
  ];
  // All are held until all are known to be free, so that two of ours that are the same show too.
  await using held = new AsyncDisposableStack();
  for (const [variable, port] of ports) {
    const server = held.use(createServer((socket) => socket.destroy()));
    await listen(server, { port, variable });
  }
}

/** The viewers' listener, with every limit set. */

import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { type IpPrefix, isInPrefix } from '@headwater/protocol/ip-prefix';
import { acceptAbsoluteForm } from '@headwater/service/absolute-form';
import { capPerAddress } from '@headwater/service/connection-caps';
import { capPipeline } from '@headwater/service/pipeline-cap';
import { refuseOddities } from '@headwater/service/problem-response';
import type { GeoLimits } from './config.ts';

interface GeoServerOptions {
  readonly limits: GeoLimits;
  /** each stands for many viewers */
  readonly trustedProxies: readonly IpPrefix[];
  readonly onRequest: (request: IncomingMessage, response: ServerResponse) => void;
  readonly onConnectionRefused: () => void;
}

const HEADERS_DEADLINE_MS = 10_000;
const REQUEST_DEADLINE_MS = 15_000;
const KEEP_ALIVE_MS = 30_000;

/** A server that is not listening yet. */
export function createGeoServer({ limits, trustedProxies, onRequest, onConnectionRefused }: GeoServerOptions): Server {
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytes,
      // Refused with a code, like every other Host that is none.
      requireHostHeader: false,
      headersTimeout: HEADERS_DEADLINE_MS,
      requestTimeout: REQUEST_DEADLINE_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: 1_000,
    },
    onRequest,
  );
  server.maxConnections = limits.connections;
  refuseOddities(server, { 'access-control-allow-origin': '*' });
  acceptAbsoluteForm(server);
  capPipeline(server);
  capPerAddress(server, {
    cap: limits.connectionsPerAddress,
    isSpared: (address) => trustedProxies.some((proxy) => isInPrefix(address, proxy)),
    onRefused: onConnectionRefused,
  });
  return server;
}

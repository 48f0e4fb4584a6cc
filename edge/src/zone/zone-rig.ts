/** Pull zones for tests: an edge in front of an origin that does exactly what the test says, and keeps what it was asked. */

import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FeedState } from '@headwater/protocol/feed-state';
import type { ZoneEntry } from '@headwater/protocol/zone';
import type { TlsFiles } from '@headwater/service/tls-files';
import type { Clock } from '@headwater/service/clock';
import type { EdgeLimits } from '../config.ts';
import { startRig } from '../edge-rig.ts';
import type { RunningEdge } from '../start-edge.ts';

type Answering = (request: IncomingMessage, response: ServerResponse) => void;

export interface ZoneRig extends AsyncDisposable {
  /** ends when it is started anew */
  edge: RunningEdge;
  /** Ends the edge and starts another in its place, with the same disk. */
  restart(): Promise<void>;
  readonly clock: Clock & { nowAtMs: number };
  /** what the origin was asked, in order */
  readonly asked: IncomingMessage[];
  /** what the origin does from now on */
  answering: Answering;
}

interface ZoneRigOptions {
  readonly limits?: Partial<EdgeLimits>;
  readonly zone?: Partial<ZoneEntry>;
  /** for an edge with a disk */
  readonly cacheDirectory?: string;
  readonly tlsFiles?: readonly TlsFiles[];
}

/** One zone for every host, in front of one origin; the clock stands still unless the test moves it. */
export async function startZoneRig(
  answering: Answering,
  { limits = {}, zone = {}, cacheDirectory = '', tlsFiles = [] }: ZoneRigOptions = {},
): Promise<ZoneRig> {
  const asked: IncomingMessage[] = [];
  const origin = createServer((request, response) => {
    asked.push(request);
    // The test's clock is not the origin's: the edge dates what has no date.
    response.sendDate = false;
    rig.answering(request, response);
  });
  origin.listen(0, '127.0.0.1');
  await new Promise((resolve) => origin.once('listening', resolve));
  const url = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`;
  const clock = { nowAtMs: Date.UTC(2030, 0, 1), nowMs: () => clock.nowAtMs, monotonicMs: () => clock.nowAtMs };
  const entry: ZoneEntry = { name: 'site', hosts: ['*'], pathPrefix: '/', origins: [url], policy: 'public', ...zone };
  const start = (): Promise<RunningEdge> =>
    startRig(new FeedState(), { limits, clock, zones: [entry], cacheDirectory, tlsFiles });
  const rig: ZoneRig = {
    edge: await start(),
    async restart() {
      await rig.edge[Symbol.asyncDispose]();
      rig.edge = await start();
    },
    clock,
    asked,
    answering,
    async [Symbol.asyncDispose]() {
      await rig.edge[Symbol.asyncDispose]();
      origin.closeAllConnections();
      origin.close();
    },
  };
  return rig;
}

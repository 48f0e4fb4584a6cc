/** What an edge holds in memory while nobody asks anything of it. */

import { connect, type Socket } from 'node:net';
import { startFleet } from '@headwater/test/fleet/fleet.ts';
import { residentBytes } from '@headwater/test/fleet/process-cost.ts';
import { until } from '@headwater/test/fleet/until.ts';
import type { Figure, FigureResult } from './figure.ts';

const CONNECTIONS = 5_000;
const AT_ONCE = 100;
const MIB = 2 ** 20;

export const edgeMemory: Figure = {
  name: 'edge-memory',
  description: `Resident memory (VmRSS) of all processes of an idle edge, built as it is deployed, and with ${CONNECTIONS} keep-alive connections, each after one answer.`,
  run: measure,
};

async function measure(): Promise<FigureResult> {
  await using fleet = await startFleet({ edges: 1, builtEdges: true });
  const edge = fleet.services.get('edge-1');
  if (edge === undefined) throw new Error('there is no edge');
  const idle = await settledBytes(edge.pid);
  const sockets: Socket[] = [];
  const target = new URL(fleet.plan.edgeUrls[0] ?? '');
  while (sockets.length < CONNECTIONS) {
    sockets.push(...(await Promise.all(Array.from({ length: AT_ONCE }, () => openAndAsk(target)))));
  }
  const connected = await settledBytes(edge.pid);
  const open = sockets.filter((socket) => !socket.destroyed).length;
  for (const socket of sockets) socket.destroy();
  if (open < CONNECTIONS) throw new Error(`the edge closed ${CONNECTIONS - open} of ${CONNECTIONS} idle connections`);
  return {
    lines: [
      { what: 'idle edge', value: idle / MIB, unit: 'MiB', bound: { most: 90 }, note: '' },
      {
        what: `with ${CONNECTIONS} idle keep-alive connections`,
        value: connected / MIB,
        unit: 'MiB',
        bound: { most: 180 },
        note: `${((connected - idle) / CONNECTIONS / 1024).toFixed(1)} KiB a connection`,
      },
    ],
  };
}

/** Resident memory once it changes by less than 1% in a second: start-up and garbage are behind it. */
async function settledBytes(pid: number): Promise<number> {
  let before = 0;
  let sinceMs = performance.now();
  return until('the memory to settle', 30_000, () => {
    if (performance.now() - sinceMs < 1_000) return null;
    sinceMs = performance.now();
    const now = residentBytes(pid);
    const settled = Math.abs(now - before) < now / 100;
    before = now;
    return settled ? now : null;
  });
}

function openAndAsk(target: URL): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: target.hostname, port: Number(target.port) });
    socket.once('connect', () => socket.write(`GET /healthz HTTP/1.1\r\nHost: ${target.host}\r\n\r\n`));
    socket.once('data', () => resolve(socket.resume()));
    socket.once('error', reject);
  });
}

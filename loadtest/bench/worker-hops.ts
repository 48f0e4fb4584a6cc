/** What it costs an edge of several workers that a request comes to one that does not own the object, and how often it does. */

import { once } from 'node:events';
import { Agent, type IncomingMessage, get } from 'node:http';
import zipfian from 'zipfian-integer';
import { seeded } from '@headwater/protocol/test-random';
import { cpuMicros } from '@headwater/test/fleet/process-cost.ts';
import type { Measured } from './figure.ts';

interface HopEdge {
  readonly url: string;
  readonly adminUrl: string;
  readonly pid: number;
}

/** Objects of each size: enough for a tick of 10 ms to be a few per cent. */
const OBJECTS = [
  { name: '1.5 KB', bytes: 1_500, count: 3_000 },
  { name: '100 KB', bytes: 100_000, count: 1_000 },
  { name: '1 MB', bytes: 1_000_000, count: 200 },
] as const;
/** Any two connections are at one worker half of the time. */
const ATTEMPTS = 40;
const HIT_PASSES = 3;
const LIBRARY = 2_000;
const ZIPF = 0.99;
const TRACE = 20_000;
const VIEWERS = 16;
const SEED = 20_261_128;
const ASKED = 'headwater_edge_zone_asked_of_owner_total';

export async function measureHops(edge: HopEdge): Promise<Measured[]> {
  const lines: Measured[] = [];
  for (const { name, bytes, count } of OBJECTS) {
    const paths = Array.from({ length: count }, (_, index) => `/${bytes}?hop=${index}`);
    lines.push(await costOfHop(edge, name, paths));
  }
  lines.push(...(await shareOfHops(edge)));
  return lines;
}

/**
 * One connection asks for all, so that its worker has them; then another, at another worker, which asks for those that it does
 * not own. What is over the cost of hits is theirs.
 */
async function costOfHop(edge: HopEdge, name: string, paths: readonly string[]): Promise<Measured> {
  await pass(edge, paths, new Agent({ keepAlive: true, maxSockets: 1 }));
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const viewer = new Agent({ keepAlive: true, maxSockets: 1 });
    const { micros, hops } = await pass(edge, paths, viewer);
    if (hops < paths.length / 10) continue;
    let hitMicros = 0;
    for (let round = 0; round < HIT_PASSES; round += 1) hitMicros += (await pass(edge, paths, viewer)).micros;
    const value = (micros - hitMicros / HIT_PASSES) / hops;
    const note = `CPU of all workers beyond a hit's, one request at a time, kept in RAM alone; ${hops} of ${paths.length} objects`;
    return { what: `${name}: asked of its owner, once a worker`, value, unit: 'µs', bound: null, note };
  }
  throw new Error(`${ATTEMPTS} connections fell on one worker`);
}

/** Viewers who ask for a library's objects as viewers do, beginning with an empty cache. */
async function shareOfHops(edge: HopEdge): Promise<Measured[]> {
  const pick = zipfian(0, LIBRARY - 1, ZIPF, seeded(SEED));
  const viewers = Array.from({ length: VIEWERS }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  const before = await askedOfOwner(edge);
  for (let turn = 0; turn < TRACE; turn += VIEWERS) {
    await Promise.all(viewers.map((viewer) => read(edge, `/1500?zipf=${pick()}`, viewer)));
  }
  const value = (((await askedOfOwner(edge)) - before) / TRACE) * 100;
  for (const viewer of viewers) viewer.destroy();
  const note = `${TRACE} requests over ${LIBRARY} objects by Zipf (${ZIPF}), from an empty cache`;
  return [{ what: 'requests that a worker asks its colleague for', value, unit: '%', bound: null, note }];
}

async function pass(
  edge: HopEdge,
  paths: readonly string[],
  viewer: Agent,
): Promise<{ readonly micros: number; readonly hops: number }> {
  const [asked, micros] = [await askedOfOwner(edge), cpuMicros(edge.pid)];
  for (const path of paths) await read(edge, path, viewer);
  const spent = cpuMicros(edge.pid) - micros;
  return { micros: spent, hops: (await askedOfOwner(edge)) - asked };
}

async function read({ url }: HopEdge, path: string, agent: Agent): Promise<void> {
  const [response] = (await once(get(`${url}${path}`, { agent }), 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  if (response.statusCode !== 200 || !response.complete) throw new Error(`${path}: ${response.statusCode}`);
}

export async function askedOfOwner({ adminUrl }: HopEdge): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  return Number(new RegExp(`^${ASKED} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
}

/**
 * Purges, one after the other, of an object that real edges have cached; each is over when no edge answers with what it had and
 * every simulated node has heard the order.
 */

import type { Fleet } from './fleet.ts';
import { read } from './stream-reader.ts';
import type { SimulatedNodes } from './simulated-nodes.ts';
import { startSyntheticOrigin } from './synthetic-origin.ts';
import { until } from './until.ts';

/** One purge. */
export interface PurgeRound {
  /** from before the order was given until the last node had carried it out */
  readonly effectMs: number;
  /** what the control plane says: `purge 42: 50/50 in 80 ms` */
  readonly told: string;
}

/** The answer to `GET /v1/purges/ID`. */
interface Progress {
  readonly id: string;
  readonly acked: number;
  readonly total: number;
  readonly ms: number | null;
}

const OBJECT_BYTES = 1_000;
const DEADLINE_MS = 5_000;

/** @param fleet without an origin of its own */
export async function purgeOverAndOver(fleet: Fleet, nodes: SimulatedNodes, rounds: number): Promise<PurgeRound[]> {
  await using origin = await startSyntheticOrigin(fleet, [OBJECT_BYTES]);
  const { path } = await fleet.admit(origin.stream);
  const name = `${origin.objectBase}/${origin.numbers.get(OBJECT_BYTES)}.m4s`;
  const objects = fleet.plan.edgeUrls.map((edge) => `${edge}${path}/${name}`);
  const order = { url: `/live/${origin.stream}/${name}` };
  const all = fleet.plan.edgeUrls.length + nodes.count;
  const done: PurgeRound[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await Promise.all(objects.map((url) => until(`${url} to be cached`, DEADLINE_MS, () => isHit(url))));
    const startMs = Date.now();
    const ordered = await fleet.api.request('POST', '/v1/purges', order);
    if (ordered.status !== 202) throw new Error(`the purge was answered ${ordered.status}`);
    const { id } = (await ordered.json()) as { readonly id: string };
    const gone = await Promise.all(objects.map((url, index) => goneAt(fleet, `edge-${index + 1}`, { id, url })));
    const heard = await until(`${nodes.count} nodes to hear of ${id}`, DEADLINE_MS, async () => {
      const times = await nodes.heard(`purge ${id}`);
      return times.length === nodes.count && times;
    });
    const progress = await until(`${all} acknowledgements of ${id}`, DEADLINE_MS, async () => {
      const answer = await fleet.api.request('GET', `/v1/purges/${id}`);
      const found = (await answer.json()) as Progress;
      return found.acked === all && found;
    });
    const effectMs = Math.max(...heard, ...gone) - startMs;
    done.push({ effectMs, told: `purge ${id}: ${progress.acked}/${progress.total} in ${progress.ms} ms` });
  }
  return done;
}

async function isHit(url: string): Promise<boolean> {
  const { status, headers } = await read(url);
  if (status !== 200) throw new Error(`${url}: ${status}`);
  return headers.get('cache-status')?.endsWith('; hit') === true;
}

/** The Unix time in ms at which an edge carried an order out, as its log says; and then the object is gone. */
async function goneAt(fleet: Fleet, edge: string, { id, url }: { id: string; url: string }): Promise<number> {
  const line = new RegExp(`"at":"([^"]+)"[^\\n]*"event":"purged"[^\\n]*"${id}"[^\\n]*`);
  const [told = '', at = ''] = (await fleet.services.get(edge)?.says(line, DEADLINE_MS)) ?? [];
  // Each of an edge's workers may have a copy; the tests have no edge of more than two.
  if (!/"objects":[12]\b/.test(told)) throw new Error(`${edge} purged something else: ${told}`);
  if (await isHit(url)) throw new Error(`${edge} still answers with what it purged`);
  return Date.parse(at);
}

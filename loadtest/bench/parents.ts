/** What parents save an origin, what their death costs, what they add to a cold object, and what hedging takes off a late one. */

import { Agent, get } from 'node:http';
import { keyOf } from '@headwater/edge/src/zone/zone-key.ts';
import { rank } from '@headwater/edge/src/upstream/rendezvous.ts';
import { processTree } from '@headwater/test/fleet/process-cost.ts';
import { quantile } from '@headwater/test/fleet/quantile.ts';
import { until } from '@headwater/test/fleet/until.ts';
import { startZoneEdge } from '@headwater/test/fleet/zone-edge.ts';
import type { Figure, FigureResult, Measured } from './figure.ts';
import { BODY, LabelledOrigin } from './labelled-origin.ts';
import { startLateFront } from './late-front.ts';
import { startNginx } from './nginx.ts';

const PARENTS = 3;
const CHILDREN = 2;
const VIEWERS_OF_EACH = 8;
const OBJECTS = 200;
const KEYS = 200;
const HOPS = 300;
const LATE_EVERY = 40;
const LATE_MS = 400;
const HEDGED = 600;
/** Before an edge knows which of its parents' answers are late. */
const WARM_UP = 150;

export const parents: Figure = {
  name: 'parents',
  description:
    `${CHILDREN} edges behind ${PARENTS} others, and as many nginx (hash $request_uri consistent, proxy_next_upstream as it comes), ` +
    `before one origin.\n${VIEWERS_OF_EACH} viewers of each ask for ${OBJECTS} objects of ${BODY.length / 1000} KB; then for as ` +
    `many others, while one parent is killed; ${KEYS} keys before and after.\n${HOPS} cold objects by a parent and by a child, in ` +
    `turns. Then ${HEDGED} objects of a parent of which every ${LATE_EVERY}th answer is ${LATE_MS} ms late, with a second ` +
    `parent to hedge by and without.`,
  run: measure,
};

/** Children and their parents. */
interface Side {
  readonly name: string;
  readonly children: readonly string[];
  readonly parents: readonly { readonly url: string; readonly pid: number }[];
}

type Started = AsyncDisposable & { readonly url: string; readonly pid: number };

/** Starts one that asks `above`, or else the origin, at an address of its own. */
type Start<T extends Started> = (name: string, above: readonly string[]) => Promise<T>;

async function measure(): Promise<FigureResult> {
  await using origin = new LabelledOrigin();
  await using servers = new AsyncDisposableStack();
  // An edge that met its own name in a request would take it for a loop.
  const startEdge = async (
    name: string,
    above: readonly string[],
  ): Promise<Awaited<ReturnType<typeof startZoneEdge>>> =>
    servers.use(
      await startZoneEdge(await origin.addressFor(name), {
        HEADWATER_NODE_ID: name.replaceAll(' ', '-'),
        HEADWATER_EDGE_WORKERS: '1',
        HEADWATER_EDGE_PARENTS: above.join(','),
      }),
    );
  const configurations: Record<string, string> = {};
  const startOther = async (name: string, above: readonly string[]): Promise<Started> => {
    const one = servers.use(await startNginx(above.length === 0 ? (await origin.addressFor(name)).origin : above));
    configurations[`${one.version}, ${above.length === 0 ? 'a parent' : 'a child'}`] = one.configuration;
    return one;
  };
  const sides = [await startSide('edge', startEdge), await startSide('nginx', startOther)];
  const lines: Measured[] = [];
  for (const side of sides) lines.push(await fetchesOf(side, origin), ...(await hopOf(side)));
  for (const side of sides) lines.push(...(await deathOf(side, origin)));
  lines.push(...(await hedging(startEdge)));
  return { lines, appendix: configurations };
}

async function startSide(name: string, start: Start<Started>): Promise<Side> {
  const above: Started[] = [];
  for (let nth = 0; nth < PARENTS; nth += 1) above.push(await start(`${name} parent ${nth}`, []));
  const urls = above.map(({ url }) => url);
  const children: string[] = [];
  for (let nth = 0; nth < CHILDREN; nth += 1) children.push((await start(`${name} child ${nth}`, urls)).url);
  return { name, children, parents: above };
}

async function fetchesOf({ name, children }: Side, origin: LabelledOrigin): Promise<Measured> {
  origin.asked = [];
  const failed = await readAll(children, `/slow/${name}`);
  const bound = name === 'edge' ? { least: 1, most: 1 } : null;
  const note = `${children.length * VIEWERS_OF_EACH * OBJECTS} requests, ${failed} failed`;
  return { what: `${name}: fetches an object`, value: origin.asked.length / OBJECTS, unit: '', bound, note };
}

async function deathOf({ name, children, parents: above }: Side, origin: LabelledOrigin): Promise<Measured[]> {
  const before = await ownersOf(children, name, origin);
  origin.asked = [];
  const reading = readAll(children, `/slow/${name}-dying`);
  await until('load', 10_000, () => origin.asked.length > OBJECTS / 10);
  for (const pid of processTree(above[0]?.pid ?? 0)) process.kill(pid, 'SIGKILL');
  const failed = await reading;
  const after = await ownersOf(children, name, origin);
  const isIts = (key: string): boolean => before.get(key)?.has(`${name} parent 0`) === true;
  const moved = [...before.keys()].filter((key) =>
    [...(before.get(key) ?? [])].every((who) => after.get(key)?.has(who) !== true),
  );
  const its = [...before.keys()].filter(isIts).length;
  const needless = moved.filter((key) => !isIts(key)).length;
  const requests = children.length * VIEWERS_OF_EACH * OBJECTS;
  const ours = name === 'edge';
  return [
    {
      what: `${name}: a parent dies, requests failed or cut`,
      value: failed,
      unit: `of ${requests}`,
      bound: ours ? { most: 0 } : null,
      note: '',
    },
    {
      what: `${name}: keys that moved`,
      value: (100 * moved.length) / KEYS,
      unit: '%',
      bound: ours ? { most: (100 * its) / KEYS } : null,
      note: `${((100 * its) / KEYS).toFixed(1)}% were its own; ${needless} others moved`,
    },
  ];
}

/** Who asks the origin for each of many keys. */
async function ownersOf(
  children: readonly string[],
  name: string,
  origin: LabelledOrigin,
): Promise<Map<string, Set<string>>> {
  origin.asked = [];
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (const child of children)
    for (let key = 0; key < KEYS; key += 1) await read(`${child}/owner/${name}/${key}`, agent);
  agent.destroy();
  const owners = new Map<string, Set<string>>();
  for (const { path, by } of origin.asked) owners.set(path, (owners.get(path) ?? new Set()).add(by));
  return owners;
}

async function hopOf({ name, children, parents: above }: Side): Promise<Measured[]> {
  const [child = '', parent = ''] = [children[0], above.at(-1)?.url];
  const took: Record<'parent' | 'child', number[]> = { parent: [], child: [] };
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let nth = 0; nth < HOPS + WARM_UP; nth += 1) {
    const byParent = await read(`${parent}/hop/${name}/parent-${nth}`, agent);
    const byChild = await read(`${child}/hop/${name}/child-${nth}`, agent);
    if (nth < WARM_UP) continue;
    took.parent.push(byParent.firstByteMs);
    took.child.push(byChild.firstByteMs);
  }
  agent.destroy();
  return [0.5, 0.95].map((share) => {
    const [direct, hopped] = [quantile(took.parent, share), quantile(took.child, share)];
    const note = `${direct.toFixed(2)} ms without it, ${hopped.toFixed(2)} ms with it`;
    return {
      what: `${name}: a hop adds to a cold object, p${share * 100}`,
      value: hopped - direct,
      unit: 'ms',
      bound: null,
      note,
    };
  });
}

/** First bytes of objects that a parent has which now and then is late. */
async function hedging(start: Start<Started & { readonly adminUrl: string }>): Promise<Measured[]> {
  await using servers = new AsyncDisposableStack();
  const [late, other] = [await start('late', []), await start('other', [])];
  const front = servers.use(await startLateFront(Number(new URL(late.url).port), LATE_EVERY, LATE_MS));
  const both = [front.url, other.url].map((url) => ({ url, weight: 1 }));
  const [hedger, waiter] = [await start('hedger', [front.url, other.url]), await start('waiter', [front.url])];
  const lines: Measured[] = [];
  for (const what of ['stored by both', 'cold'] as const) {
    const paths: string[] = [];
    for (let nth = 0; paths.length < HEDGED + WARM_UP; nth += 1) {
      const path = `/hedged/${what.replaceAll(' ', '-')}/${nth}`;
      if (rank(keyOf({ name: 'bench' }, '', path), both)[0]?.url === front.url) paths.push(path);
    }
    const urlsAt = (edge: { readonly url: string }): string[] => paths.map((path) => `${edge.url}${path}`);
    if (what !== 'cold') for (const parent of [late, other]) await firstBytes(urlsAt(parent));
    const [with_, without] = [await firstBytes(urlsAt(hedger)), await firstBytes(urlsAt(waiter))];
    const note = `p50 ${quantile(with_, 0.5).toFixed(1)} and ${quantile(without, 0.5).toFixed(1)} ms`;
    lines.push(
      {
        what: `late parent, ${what}: p99 of the first byte, hedged`,
        value: quantile(with_, 0.99),
        unit: 'ms',
        bound: null,
        note,
      },
      {
        what: `late parent, ${what}: p99 of the first byte, not hedged`,
        value: quantile(without, 0.99),
        unit: 'ms',
        bound: null,
        note: '',
      },
    );
  }
  const text = await (await fetch(`${hedger.adminUrl}/metrics`)).text();
  const [first, hedges] = [countOf(text, 'first'), countOf(text, 'hedge')];
  const note = `${hedges} of ${first}`;
  return [
    ...lines,
    { what: 'requests more by hedging', value: (100 * hedges) / first, unit: '%', bound: { most: 5 }, note },
  ];
}

function countOf(metrics: string, reason: string): number {
  const lines = metrics.split('\n').filter((line) => line.startsWith('headwater_edge_upstream_tries_total'));
  const its = lines.find((line) => line.includes('target="parent"') && line.includes(`reason="${reason}"`));
  return Number(its?.split(' ').at(-1) ?? NaN);
}

async function firstBytes(urls: readonly string[]): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const took: number[] = [];
  for (const url of urls) took.push((await read(url, agent)).firstByteMs);
  agent.destroy();
  return took.slice(WARM_UP);
}

/** Every viewer of every child asks for all, each beginning elsewhere. @returns how many got less than all of one */
async function readAll(children: readonly string[], below: string): Promise<number> {
  let failed = 0;
  const agent = new Agent({ keepAlive: false });
  const viewer = async (child: string, nth: number): Promise<void> => {
    const start = Math.floor((nth * OBJECTS) / VIEWERS_OF_EACH);
    for (let at = 0; at < OBJECTS; at += 1) {
      const { isWhole } = await read(`${child}${below}/${(start + at) % OBJECTS}`, agent);
      if (!isWhole) failed += 1;
    }
  };
  await Promise.all(
    children.flatMap((child) => Array.from({ length: VIEWERS_OF_EACH }, (_, nth) => viewer(child, nth))),
  );
  return failed;
}

interface Reading {
  readonly firstByteMs: number;
  readonly isWhole: boolean;
}

/** Reads to the end or until it is cut off. */
function read(url: string, agent: Agent): Promise<Reading> {
  const startedMs = performance.now();
  return new Promise((resolve) => {
    let firstByteMs = Infinity;
    let bytes = 0;
    const outgoing = get(url, { agent }, (response) => {
      response.on('data', (piece: Buffer) => {
        if (bytes === 0) firstByteMs = performance.now() - startedMs;
        bytes += piece.length;
      });
      response.on('error', () => undefined);
      response.once('close', () => {
        resolve({ firstByteMs, isWhole: response.statusCode === 200 && bytes === BODY.length });
      });
    });
    outgoing.once('error', () => resolve({ firstByteMs, isWhole: false }));
  });
}

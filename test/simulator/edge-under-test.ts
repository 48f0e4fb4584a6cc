/** What a history's layout asks for: an edge alone, one with parents, or one of several workers; all in this process. */

import type { Clock } from '@headwater/service/clock';
import { FeedPages, mintFor } from './feed-pages.ts';
import type { PurgeSpec } from './history.ts';
import { OneEdge, restart } from './one-edge.ts';
import { startParents } from './parents-under-test.ts';
import type { StartSystem, SystemUnderTest } from './system-under-test.ts';
import { startWorkers } from './workers-under-test.ts';

/** The edge's name in Cache-Status. */
export const EDGE_ID = 'edge-1';

export async function startEdgeUnderTest({
  clock,
  originUrl,
  layout,
  protocol,
}: Parameters<StartSystem>[0]): Promise<SystemUnderTest> {
  const pages = new FeedPages(clock, originUrl);
  const parts = { clock, pages, id: EDGE_ID };
  if (layout === 'parents') return startParents(parts);
  if (layout === 'workers') return startWorkers(parts);
  const edge = new OneEdge({ id: EDGE_ID, clock, known: pages.first, isSecure: protocol === 'h2' });
  await edge.start();
  return new Alone(edge, pages, clock);
}

class Alone implements SystemUnderTest {
  readonly activity = 0;
  readonly restMs = 0;
  readonly #edge: OneEdge;
  readonly #pages: FeedPages;
  readonly #clock: Clock;

  constructor(edge: OneEdge, pages: FeedPages, clock: Clock) {
    this.#edge = edge;
    this.#pages = pages;
    this.#clock = clock;
  }

  port(): number {
    return this.#edge.port;
  }

  purge(spec: PurgeSpec): Promise<void> {
    return this.#edge.hear(this.#pages.purge(spec));
  }

  restart(how: Parameters<SystemUnderTest['restart']>[0]): Promise<void> {
    return restart(this.#edge, how);
  }

  /** It is alone. */
  happen(): Promise<void> {
    return Promise.resolve();
  }

  token(zone: string, expired: boolean): string {
    return mintFor(zone, expired, this.#clock);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#edge[Symbol.asyncDispose]();
  }
}

/** An edge and the two that it asks before the origin, each behind a door. */

import type { FeedPage } from '@headwater/protocol/feed';
import type { Clock } from '@headwater/service/clock';
import { Door } from './door.ts';
import { type FeedPages, mintFor } from './feed-pages.ts';
import { MEMBERS, type MemberStep, type PurgeSpec } from './history.ts';
import { OneEdge, restart } from './one-edge.ts';
import type { SystemUnderTest } from './system-under-test.ts';

/** As `SHORT_WAITS` has it. */
const PURGE_NEWS_MS = 10;

interface Parts {
  readonly clock: Clock;
  readonly pages: FeedPages;
  readonly id: string;
}

interface Parent {
  readonly edge: OneEdge;
  readonly door: Door;
  /** what it has not heard yet */
  unheard: FeedPage[];
}

export async function startParents({ clock, pages, id }: Parts): Promise<SystemUnderTest> {
  const parents = await Promise.all(
    Array.from({ length: MEMBERS }, async (_, index): Promise<Parent> => {
      const edge = new OneEdge({ id: `shield-${index}`, clock, known: pages.first });
      const door = new Door(() => edge.port);
      await Promise.all([edge.start(), door.listen()]);
      return { edge, door, unheard: [] };
    }),
  );
  const child = new OneEdge({ id, clock, known: pages.first, parents: parents.map(({ door }) => door.url) });
  await child.start();
  return new WithParents(child, parents, { pages, clock });
}

class WithParents implements SystemUnderTest {
  readonly #child: OneEdge;
  readonly #parents: readonly Parent[];
  readonly #pages: FeedPages;
  readonly #clock: Clock;

  constructor(child: OneEdge, parents: readonly Parent[], around: Pick<Parts, 'pages' | 'clock'>) {
    this.#child = child;
    this.#parents = parents;
    this.#pages = around.pages;
    this.#clock = around.clock;
  }

  get activity(): number {
    return this.#parents.reduce((sum, { door }) => sum + door.activity, 0);
  }

  /** Each parent that is behind lets its child wait for its news. */
  get restMs(): number {
    return this.#parents.some(({ unheard }) => unheard.length > 0) ? (MEMBERS + 1) * PURGE_NEWS_MS : 0;
  }

  port(): number {
    return this.#child.port;
  }

  /** It is in force here; the parents hear of it when they do. */
  async purge(spec: PurgeSpec): Promise<void> {
    const page = this.#pages.purge(spec);
    for (const parent of this.#parents) parent.unheard.push(page);
    await this.#child.hear(page);
  }

  /** An edge that starts anew has no last purge to tell its parents (decision 21): they have heard of all by then. */
  async restart(how: Parameters<SystemUnderTest['restart']>[0]): Promise<void> {
    for (const parent of this.#parents) await hear(parent);
    await restart(this.#child, how);
  }

  async happen({ member, what }: MemberStep): Promise<void> {
    const parent = this.#parents[member];
    if (parent === undefined) return;
    const { edge, door } = parent;
    switch (what) {
      case 'die':
        door.shut();
        if (edge.isUp) await edge.kill();
        break;
      case 'hang':
        door.stick();
        break;
      case 'return':
        if (!edge.isUp) await edge.start();
        door.open();
        break;
      case 'hear':
        await hear(parent);
        break;
    }
  }

  token(zone: string, expired: boolean): string {
    return mintFor(zone, expired, this.#clock);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
    for (const { edge, door } of this.#parents) {
      await door[Symbol.asyncDispose]();
      await edge[Symbol.asyncDispose]();
    }
  }
}

/** One that is dead hears of it once it is back. */
async function hear(parent: Parent): Promise<void> {
  if (!parent.edge.isUp) return;
  for (const page of parent.unheard.splice(0)) await parent.edge.hear(page);
}

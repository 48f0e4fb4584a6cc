/** The workers of one node, in this process, and what their node does for them: whom they ask, what all must do. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MissedOrders } from '@headwater/edge/src/restart/missed-orders.ts';
import { AddressTally } from '@headwater/edge/src/workers/address-tally.ts';
import { Ownership } from '@headwater/edge/src/workers/ownership.ts';
import type { NamedObject } from '@headwater/edge/src/workers/team.ts';
import type { Clock } from '@headwater/service/clock';
import { type FeedPages, mintFor } from './feed-pages.ts';
import { MEMBERS, type MemberStep, type PurgeSpec } from './history.ts';
import { OneEdge } from './one-edge.ts';
import type { SystemUnderTest } from './system-under-test.ts';

interface Parts {
  readonly clock: Clock;
  readonly pages: FeedPages;
  readonly id: string;
}

interface Worker {
  readonly number: number;
  readonly edge: OneEdge;
  readonly ownership: Ownership;
  /** what was ordered while it was dead */
  readonly missed: MissedOrders;
}

export async function startWorkers(parts: Parts): Promise<SystemUnderTest> {
  const directory = await mkdtemp(join(tmpdir(), 'headwater-simulator-team-'));
  const node = new Node(parts, directory);
  await node.start();
  return node;
}

class Node implements SystemUnderTest {
  readonly activity = 0;
  readonly restMs = 0;
  readonly #pages: FeedPages;
  readonly #clock: Clock;
  readonly #directory: string;
  readonly #workers: readonly Worker[];

  constructor({ clock, pages, id }: Parts, directory: string) {
    this.#pages = pages;
    this.#clock = clock;
    this.#directory = directory;
    this.#workers = Array.from({ length: MEMBERS }, (_, index) => {
      const number = index + 1;
      const ownership = new Ownership(number, directory);
      const forget = (objects: readonly NamedObject[]): Promise<void> => this.#forget(objects);
      // From this one address anybody may have anything.
      const tally = new AddressTally(MEMBERS, () => undefined);
      const team = { ownership, worker: number, directory, tally, forget };
      return {
        number,
        edge: new OneEdge({ id, clock, known: pages.first, team }),
        ownership,
        missed: new MissedOrders(),
      };
    });
  }

  async start(): Promise<void> {
    await Promise.all(this.#workers.map(({ edge }) => edge.start()));
    this.#tellServing();
  }

  port(worker: number): number {
    const wanted = this.#workers[worker];
    return (wanted?.edge.isUp === true ? wanted : this.#serving()[0])?.edge.port ?? 0;
  }

  /** Twice: what one got from another in the first round may be old. */
  async purge(spec: PurgeSpec): Promise<void> {
    const page = this.#pages.purge(spec);
    for (const { edge, missed } of this.#workers) if (!edge.isUp) missed.note(page);
    await Promise.all(this.#workers.map(({ edge }) => edge.hear(page)));
    await Promise.all(this.#serving().map(({ edge }) => edge.carryOut(page)));
  }

  async restart({ kill, flipsBits }: Parameters<SystemUnderTest['restart']>[0]): Promise<void> {
    await Promise.all(this.#serving().map(({ edge }) => (kill ? edge.kill() : edge.stop())));
    for (const worker of this.#workers) {
      if (flipsBits) await worker.edge.flipBits();
      await startAnew(worker);
    }
    this.#tellServing();
  }

  /** The last one that serves lives on: nobody would be left to ask. */
  async happen({ member, what }: MemberStep): Promise<void> {
    const worker = this.#workers[member];
    if (worker === undefined) return;
    if (what === 'die' && worker.edge.isUp && this.#serving().length > 1) await worker.edge.kill();
    if (what === 'return' && !worker.edge.isUp) await startAnew(worker);
    this.#tellServing();
  }

  token(zone: string, expired: boolean): string {
    return mintFor(zone, expired, this.#clock);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { edge } of this.#workers) await edge[Symbol.asyncDispose]();
    await rm(this.#directory, { recursive: true, force: true });
  }

  #serving(): Worker[] {
    return this.#workers.filter(({ edge }) => edge.isUp);
  }

  #tellServing(): void {
    const serving = this.#serving().map(({ number }) => number);
    for (const { ownership } of this.#workers) ownership.update(serving);
  }

  async #forget(objects: readonly NamedObject[]): Promise<void> {
    for (const { edge, missed } of this.#workers) if (!edge.isUp) missed.noteAnything();
    for (let round = 0; round < 2; round += 1) {
      await Promise.all(this.#serving().map(({ edge }) => edge.forget(objects)));
    }
  }
}

async function startAnew({ edge, missed }: Worker): Promise<void> {
  const { pages } = missed;
  missed.clear();
  await edge.start(pages);
}

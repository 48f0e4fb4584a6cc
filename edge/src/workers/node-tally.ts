/** What addresses have and send at all workers of a node: each is told what there is at the others. */

import { TALLY_MS } from './address-tally.ts';
import type { ToWorker, Used } from './messages.ts';

/** One who counts, and is told of the others. */
interface Teller {
  tell(message: ToWorker): void;
}

export class NodeTally {
  readonly #tellers = new Set<Teller>();
  /** by customer, the connections that each has told of */
  readonly #connections = new Map<string, Map<Teller, number>>();
  /** customers whose connections have changed since all were told */
  readonly #changed = new Set<string>();
  /** by address, requests that the others have not heard of yet */
  readonly #requests = new Map<string, Map<Teller, number>>();
  #timer: NodeJS.Timeout | undefined;

  /** Somebody begins to count, and hears what there is. */
  add(teller: Teller): void {
    this.#tellers.add(teller);
    this.#tell(teller, [...this.#connections.keys()]);
  }

  /** What one tells. */
  note(teller: Teller, { connections, requests }: Used): void {
    if (!this.#tellers.has(teller)) return;
    for (const [customer, count] of connections) this.#set(teller, customer, count);
    for (const [address, count] of requests) {
      const known = this.#requests.get(address) ?? new Map<Teller, number>();
      known.set(teller, (known.get(teller) ?? 0) + count);
      this.#requests.set(address, known);
    }
    this.#arm();
  }

  /** One has ended, and its connections with it. */
  delete(teller: Teller): void {
    this.#tellers.delete(teller);
    for (const [customer, known] of this.#connections) if (known.has(teller)) this.#set(teller, customer, 0);
    if (this.#changed.size > 0) this.#arm();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #set(teller: Teller, customer: string, count: number): void {
    const known = this.#connections.get(customer) ?? new Map<Teller, number>();
    if (count > 0) known.set(teller, count);
    else known.delete(teller);
    if (known.size > 0) this.#connections.set(customer, known);
    else this.#connections.delete(customer);
    this.#changed.add(customer);
  }

  #arm(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const changed = [...this.#changed];
      for (const teller of this.#tellers) this.#tell(teller, changed);
      this.#changed.clear();
      this.#requests.clear();
    }, TALLY_MS).unref();
  }

  #tell(teller: Teller, customers: readonly string[]): void {
    const connections = customers.map((customer) => {
      const { own, all } = countsOf(this.#connections.get(customer), teller);
      return [customer, all - own, own] as const;
    });
    const requests = [...this.#requests].flatMap(([address, known]) => {
      const { own, all } = countsOf(known, teller);
      return all > own ? [[address, all - own] as const] : [];
    });
    if (connections.length + requests.length > 0) teller.tell({ kind: 'used-by-others', connections, requests });
  }
}

function countsOf(
  known: ReadonlyMap<Teller, number> | undefined,
  teller: Teller,
): { readonly own: number; readonly all: number } {
  let all = 0;
  for (const count of known?.values() ?? []) all += count;
  return { own: known?.get(teller) ?? 0, all };
}

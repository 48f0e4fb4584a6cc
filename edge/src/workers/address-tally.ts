/**
 * What addresses have and send at one worker of several, which together hold each to one limit: what changes here is told to
 * the node in a moment, and what they have at the others is heard from it.
 */

import type { FromWorker, UsedByOthers } from './messages.ts';

/** What happens meanwhile goes in one message. */
export const TALLY_MS = 20;
const NONE = { elsewhere: 0, heard: 0 } as const;

/** Connections of a customer, as the node told last. */
interface Connections {
  /** at the other workers */
  readonly elsewhere: number;
  /** at this one, as far as the others have heard */
  readonly heard: number;
}

export class AddressTally {
  /** how many workers there are */
  readonly workers: number;
  readonly #tell: (message: FromWorker) => void;
  readonly #byCustomer = new Map<string, Connections>();
  readonly #connections = new Map<string, number>();
  readonly #requests = new Map<string, number>();
  #onRequests: (address: string, requests: number) => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(workers: number, tell: (message: FromWorker) => void) {
    this.workers = workers;
    this.#tell = tell;
  }

  connectionsOf(customer: string): Connections {
    return this.#byCustomer.get(customer) ?? NONE;
  }

  /** A customer has so many connections here now. */
  setConnections(customer: string, count: number): void {
    this.#connections.set(customer, count);
    this.#arm();
  }

  /** An address has sent so many requests here since this was said last. */
  addRequests(address: string, requests: number): void {
    this.#requests.set(address, (this.#requests.get(address) ?? 0) + requests);
    this.#arm();
  }

  /** @param onRequests is told what addresses have sent to the other workers */
  watchRequests(onRequests: (address: string, requests: number) => void): void {
    this.#onRequests = onRequests;
  }

  /** The node tells of the others. */
  hear({ connections, requests }: UsedByOthers): void {
    for (const [customer, elsewhere, heard] of connections) {
      if (elsewhere === 0 && heard === 0) this.#byCustomer.delete(customer);
      else this.#byCustomer.set(customer, { elsewhere, heard });
    }
    for (const [address, count] of requests) this.#onRequests(address, count);
  }

  #arm(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#tell({ kind: 'used', connections: [...this.#connections], requests: [...this.#requests] });
      this.#connections.clear();
      this.#requests.clear();
    }, TALLY_MS).unref();
  }
}

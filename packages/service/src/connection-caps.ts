/** How many connections there may be: in all, and from one address. */

import type { Server } from 'node:net';
import { type AddressCap, capOf, customerOf } from '@headwater/protocol/address-cap';

interface Caps {
  /** 0: no cap */
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: AddressCap;
}

/** Other processes that let in connections of the same customers, and hold them to the same cap. */
export interface Others {
  /** how many processes there are, this one included */
  readonly workers: number;
  /** connections of a customer at the others; and here, as far as the others have heard */
  connectionsOf(customer: string): { readonly elsewhere: number; readonly heard: number };
  /** Has the others hear how many there are here now. */
  setConnections(customer: string, count: number): void;
}

/** Counts the open connections. Holds one entry for each address that has any. */
export class ConnectionCaps {
  readonly #caps: Caps;
  readonly #others: Others | null;
  readonly #byAddress = new Map<string, number>();
  #open = 0;

  constructor(caps: Caps, others: Others | null = null) {
    this.#caps = caps;
    this.#others = others;
  }

  /** Counts a connection in, or says which cap it would break. Each one counted in must be {@link release}d. */
  admit(address: string): 'connections' | 'connections_per_address' | null {
    const { maxConnections, maxConnectionsPerAddress } = this.#caps;
    const theirCap = capOf(address, maxConnectionsPerAddress);
    const customer = customerOf(address);
    const theirs = this.#byAddress.get(customer) ?? 0;
    if (maxConnections > 0 && this.#open >= maxConnections) return 'connections';
    if (theirCap > 0 && theirs >= this.#most(customer, theirCap)) return 'connections_per_address';
    this.#open += 1;
    this.#byAddress.set(customer, theirs + 1);
    if (theirCap > 0) this.#others?.setConnections(customer, theirs + 1);
    return null;
  }

  release(address: string): void {
    const customer = customerOf(address);
    const left = (this.#byAddress.get(customer) ?? 0) - 1;
    this.#open -= 1;
    if (left > 0) this.#byAddress.set(customer, left);
    else this.#byAddress.delete(customer);
    if (capOf(address, this.#caps.maxConnectionsPerAddress) > 0) this.#others?.setConnections(customer, left);
  }

  /** How many a customer may have here. What is left of the cap is divided, until the others have heard what became of it. */
  #most(customer: string, cap: number): number {
    if (this.#others === null) return cap;
    const { elsewhere, heard } = this.#others.connectionsOf(customer);
    const left = cap - elsewhere - heard;
    return Math.min(heard + Math.max(1, Math.floor(left / this.#others.workers)), cap - elsewhere);
  }
}

interface ServerCap {
  readonly cap: AddressCap;
  /** who stands for many, such as a proxy */
  readonly isSpared?: (address: string) => boolean;
  readonly others?: Others | undefined;
  readonly onRefused: () => void;
}

/** Closes connections of an address beyond its cap as they come in. */
export function capPerAddress(server: Server, { cap, isSpared, others, onRefused }: ServerCap): void {
  const caps = new ConnectionCaps({ maxConnections: 0, maxConnectionsPerAddress: cap }, others);
  server.on('connection', (socket) => {
    // Undefined when the peer has hung up already; such a connection closes by itself.
    const address = socket.remoteAddress ?? '';
    if (isSpared?.(address) === true) return;
    if (caps.admit(address) === null) {
      socket.once('close', () => caps.release(address));
      return;
    }
    onRefused();
    socket.destroy();
  });
}

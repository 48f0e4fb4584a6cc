/** How many connections there may be: in all, and from one address. */

import type { Server } from 'node:net';
import { type AddressCap, capOf, customerOf } from '@headwater/protocol/address-cap';

interface Caps {
  /** 0: no cap */
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: AddressCap;
}

/** Counts the open connections. Holds one entry for each address that has any. */
export class ConnectionCaps {
  readonly #caps: Caps;
  readonly #byAddress = new Map<string, number>();
  #open = 0;

  constructor(caps: Caps) {
    this.#caps = caps;
  }

  /** Counts a connection in, or says which cap it would break. Each one counted in must be {@link release}d. */
  admit(address: string): 'connections' | 'connections_per_address' | null {
    const { maxConnections, maxConnectionsPerAddress } = this.#caps;
    const theirCap = capOf(address, maxConnectionsPerAddress);
    const customer = customerOf(address);
    const theirs = this.#byAddress.get(customer) ?? 0;
    if (maxConnections > 0 && this.#open >= maxConnections) return 'connections';
    if (theirCap > 0 && theirs >= theirCap) return 'connections_per_address';
    this.#open += 1;
    this.#byAddress.set(customer, theirs + 1);
    return null;
  }

  release(address: string): void {
    const customer = customerOf(address);
    const left = (this.#byAddress.get(customer) ?? 0) - 1;
    this.#open -= 1;
    if (left > 0) this.#byAddress.set(customer, left);
    else this.#byAddress.delete(customer);
  }
}

interface ServerCap {
  readonly cap: AddressCap;
  /** who stands for many, such as a proxy */
  readonly isSpared?: (address: string) => boolean;
  readonly onRefused: () => void;
}

/** Closes connections of an address beyond its cap as they come in. */
export function capPerAddress(server: Server, { cap, isSpared, onRefused }: ServerCap): void {
  const caps = new ConnectionCaps({ maxConnections: 0, maxConnectionsPerAddress: cap });
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

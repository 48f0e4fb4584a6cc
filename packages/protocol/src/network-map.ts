/** Networks, among which an address's is found in the same time however many there are. */

import { networkOf, parseIpPrefix } from './ip-prefix.ts';

/** Networks with a number each. */
export class NetworkMap {
  /** by network as `networkOf` writes it */
  readonly #numbers = new Map<string, number>();
  /** how many leading bits count in any of them */
  readonly #sizes = new Set<number>();

  /**
   * Takes a network in, such as `203.0.113.0/24`; of one that was taken in before the lower number counts.
   * @returns false for text that is no network
   */
  add(text: string, number: number): boolean {
    const prefix = parseIpPrefix(text);
    if (prefix === null) return false;
    const [address = ''] = text.split('/');
    const network = nameOf(address, prefix.bits);
    this.#sizes.add(prefix.bits);
    this.#numbers.set(network, Math.min(number, this.#numbers.get(network) ?? Infinity));
    return true;
  }

  /** The lowest number of the networks that an address lies in; null when it lies in none, or cannot be read. */
  lowestOf(address: string): number | null {
    let lowest = Infinity;
    for (const bits of this.#sizes) {
      lowest = Math.min(lowest, this.#numbers.get(nameOf(address, bits)) ?? Infinity);
    }
    return lowest === Infinity ? null : lowest;
  }
}

function nameOf(address: string, bits: number): string {
  return networkOf(address, { ipv4Bits: bits, ipv6Bits: bits });
}

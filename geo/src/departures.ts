/**
 * What players tell by what they do. One that was told to stay with its edge and is found on another has left it by itself: for
 * that player the edge failed, whatever the probes from here say. One player may be wrong or lie; several networks at once count.
 */

import type { Clock } from '@headwater/service/clock';
import { partyOf } from './party.ts';

interface DeparturesOptions {
  readonly clock: Clock;
  /** how many edges there are */
  readonly edgeCount: () => number;
  readonly onLeft?: (edge: string, networks: number) => void;
}

/** What was seen of a network counts this long. */
const WINDOW_MS = 15_000;
/** An edge is left when so many networks left it, and they are this share of those that were told to stay. */
const LEAVERS = 3;
const LEAVERS_SHARE = 0.2;
/** How long it is avoided then. */
const AVOIDED_MS = 30_000;
/** Networks remembered of an edge; beyond, the oldest go. */
const NETWORK_LIMIT = 1_000;
/** Whatever players say, most of the fleet goes on: at most this share is avoided at a time, though one always may be. */
const AVOIDED_SHARE = 1 / 3;

interface Sighting {
  readonly atMs: number;
  readonly hasLeft: boolean;
}

export class Departures {
  readonly #options: DeparturesOptions;
  /** by edge, then by network, in the order of sight */
  readonly #sightings = new Map<string, Map<string, Sighting>>();
  readonly #avoidedUntilMs = new Map<string, number>();

  constructor(options: DeparturesOptions) {
    this.#options = options;
  }

  /** A player at this address is on the edge and was told to stay. */
  stayed(edge: string, address: string): void {
    this.#see(edge, address, false);
  }

  /** A player at this address was told to stay, and went elsewhere. */
  left(edge: string, address: string): void {
    const networks = this.#see(edge, address, true);
    const recent = [...networks.values()].filter(({ atMs }) => atMs > this.#nowMs() - WINDOW_MS);
    const leavers = recent.filter(({ hasLeft }) => hasLeft).length;
    if (leavers >= LEAVERS && leavers >= LEAVERS_SHARE * recent.length) this.#avoid(edge, leavers);
  }

  isAvoided(edge: string): boolean {
    return (this.#avoidedUntilMs.get(edge) ?? 0) > this.#nowMs();
  }

  /** An edge is no longer there. */
  forget(edge: string): void {
    this.#sightings.delete(edge);
    this.#avoidedUntilMs.delete(edge);
  }

  #avoid(edge: string, leavers: number): void {
    for (const [id, untilMs] of this.#avoidedUntilMs) if (untilMs <= this.#nowMs()) this.#avoidedUntilMs.delete(id);
    const isNew = !this.#avoidedUntilMs.has(edge);
    const most = Math.max(1, Math.floor(this.#options.edgeCount() * AVOIDED_SHARE));
    if (isNew && this.#avoidedUntilMs.size >= most) return;
    this.#avoidedUntilMs.set(edge, this.#nowMs() + AVOIDED_MS);
    if (isNew) this.#options.onLeft?.(edge, leavers);
  }

  #see(edge: string, address: string, hasLeft: boolean): Map<string, Sighting> {
    const networks = this.#sightings.get(edge) ?? new Map<string, Sighting>();
    this.#sightings.set(edge, networks);
    const network = partyOf(address);
    const before = networks.get(network);
    const atMs = this.#nowMs();
    // Of a network's many viewers one may have left while others stay: the departure counts as long as it is recent.
    const stillLeft = before !== undefined && before.hasLeft && before.atMs > atMs - WINDOW_MS;
    if (!hasLeft && stillLeft) return networks;
    networks.delete(network);
    networks.set(network, { atMs, hasLeft });
    const oldest = networks.keys().next().value;
    if (networks.size > NETWORK_LIMIT && oldest !== undefined) networks.delete(oldest);
    return networks;
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }
}

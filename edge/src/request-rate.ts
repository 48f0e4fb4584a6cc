/** How many requests an address may send a second: a bucket each, for as many addresses as may be remembered. */

import { type AddressCap, capOf, customerOf } from '@headwater/protocol/address-cap';
import type { Clock } from '@headwater/service/clock';
import { type Bucket, type CellRate, take } from './generic-cell-rate.ts';
import type { ViewerSocket } from './viewer-exchange.ts';

/** So many seconds' requests may come at once, after as many without any. */
export const BURST_SECONDS = 2;
/** A TLS handshake costs as much as so many small answers: 0.7 ms with a key of P-256. */
const ANSWERS_PER_HANDSHAKE = 20;
/** What any client may, however few requests are let in. */
const LEAST_HANDSHAKES = 10;
/** Addresses that are remembered. */
const ADDRESSES = 100_000;
/** So many of the oldest are looked at for one that can be forgotten; then the oldest is. */
const FORGET_AMONG = 8;

/** How many handshakes an address may begin a second at each of several workers, by the requests that it may send. */
export function handshakesPerSecond({ loopback, elsewhere }: AddressCap, workers: number): AddressCap {
  const of = (requests: number): number =>
    requests === 0 ? 0 : Math.max(LEAST_HANDSHAKES, requests / ANSWERS_PER_HANDSHAKE / workers);
  return { loopback: of(loopback), elsewhere: of(elsewhere) };
}

interface Counted extends Bucket, CellRate {
  /** one of the customer's */
  readonly address: string;
  /** requests that others who count have not been told of */
  untold: number;
}

/** Other processes that count requests of the same addresses. */
interface Others {
  /** how many processes there are, this one included */
  readonly workers: number;
  /** Has the others hear of requests. */
  addRequests(address: string, requests: number): void;
}

interface Options {
  /** how many addresses may be remembered */
  readonly addressLimit?: number;
  readonly others?: Others | null;
}

/** The others are told in lots of a second's rate divided by this and by their number: together they are that far off at most. */
const LOTS = 8;

export class RequestRate {
  readonly #perSecond: AddressCap;
  readonly #clock: Clock;
  readonly #addressLimit: number;
  readonly #others: Others | null;
  readonly #byCustomer = new Map<string, Counted>();
  /** what a connection's requests count for; null: they do not */
  readonly #byConnection = new WeakMap<object, Counted | null>();

  /** @param perSecond 0: no limit */
  constructor(perSecond: AddressCap, clock: Clock, { addressLimit = ADDRESSES, others = null }: Options = {}) {
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#addressLimit = addressLimit;
    this.#others = others;
  }

  /** How many addresses are remembered. */
  get size(): number {
    return this.#byCustomer.size;
  }

  /** Counts a request, or a handshake, unless its address has sent too many. */
  admit(socket: Pick<ViewerSocket, 'remoteAddress' | 'shared'>): boolean {
    const connection = socket.shared ?? socket;
    let bucket = this.#byConnection.get(connection);
    if (bucket === undefined) {
      bucket = this.#bucketOf(socket.remoteAddress ?? '');
      this.#byConnection.set(connection, bucket);
    }
    if (bucket === null) return true;
    if (!take(bucket, bucket, this.#clock.monotonicMs())) return false;
    if (this.#others !== null) tell(this.#others, bucket);
    return true;
  }

  /** Counts what others have admitted: it cannot be refused any more. */
  count(address: string, requests: number): void {
    const bucket = this.#bucketOf(address);
    if (bucket === null) return;
    bucket.dueMs = Math.max(bucket.dueMs, this.#clock.monotonicMs()) + (requests * 1_000) / bucket.perSecond;
  }

  #bucketOf(address: string): Counted | null {
    const perSecond = capOf(address, this.#perSecond);
    if (perSecond === 0) return null;
    const customer = customerOf(address);
    const known = this.#byCustomer.get(customer);
    if (known !== undefined) return known;
    const bucket = { dueMs: 0, perSecond, burst: BURST_SECONDS * perSecond, address, untold: 0 };
    if (this.#byCustomer.size >= this.#addressLimit) this.#forgetOne();
    this.#byCustomer.set(customer, bucket);
    return bucket;
  }

  #forgetOne(): void {
    const nowMs = this.#clock.monotonicMs();
    const oldest: [string, Counted][] = [];
    for (const entry of this.#byCustomer) if (oldest.push(entry) === FORGET_AMONG) break;
    const [customer] = oldest.find(([, { dueMs }]) => dueMs <= nowMs) ?? oldest[0] ?? [];
    if (customer !== undefined) this.#byCustomer.delete(customer);
  }
}

function tell(others: Others, bucket: Counted): void {
  bucket.untold += 1;
  if (bucket.untold < bucket.perSecond / (LOTS * others.workers)) return;
  others.addRequests(bucket.address, bucket.untold);
  bucket.untold = 0;
}

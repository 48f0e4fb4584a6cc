/**
 * Leadership by a lock in Consul. The session that holds it is bound to the check of this replica's own service, with no lock
 * delay: one and a half seconds after a leader falls silent the lock is free, where a bare session TTL would take twenty. The
 * lock's index grows with every change of hands and fences what a former leader still writes.
 */

import { randomBytes } from 'node:crypto';
import type { Clock } from '@headwater/service/clock';
import type Consul from 'consul';
import { Deposed } from '../state/fenced-store.ts';
import { type Operation, isAnswer, isUnknown, transact } from './consul-client.ts';
import type { Fence, Leadership } from './registry.ts';

const CONTROL_SERVICE = 'headwater-control';
const LOCK = 'headwater/leader';
/** Made once: a Consul that lost its data has another one. */
const SCOPE = 'headwater/scope';
/** A leader that cannot confirm the lock for this long is none: by then another one may have it. */
const UNCONFIRMED_LIMIT_MS = 1_500;
const TTL = '1500ms';
/** Consul waits up to twice as long; only where an agent cannot tell of the check, since its token was revoked, does it count. */
const SESSION_TTL = '10s';
const FORGET_AFTER = '1h';

interface ConsulLeaderOptions {
  readonly consul: Consul;
  readonly replica: string;
  readonly clock: Clock;
}

export class ConsulLeader {
  readonly #options: ConsulLeaderOptions;
  readonly #serviceId: string;
  #session: string | null = null;
  #fence: Fence | null = null;
  #confirmedAtMs = -Infinity;

  constructor(options: ConsulLeaderOptions) {
    this.#options = options;
    this.#serviceId = `${CONTROL_SERVICE}-${options.replica}`;
  }

  get leadership(): Leadership {
    const isConfirmed = this.#options.clock.monotonicMs() - this.#confirmedAtMs < UNCONFIRMED_LIMIT_MS;
    const fence = isConfirmed ? this.#fence : null;
    return { isLeader: fence !== null, fence };
  }

  /** Shows that this replica lives, and takes or confirms the lock. Called twice a second. */
  async campaign(): Promise<void> {
    const startedMs = this.#options.clock.monotonicMs();
    await this.#passCheck();
    this.#session ??= await this.#makeSession();
    const isOurs = await this.#acquire(this.#session);
    if (!isOurs) this.#fence = null;
    await this.#renewSession(this.#session);
    if (!isOurs) return;
    this.#fence ??= await this.#readFence();
    this.#confirmedAtMs = startedMs;
  }

  /**
   * Writes to Consul as the leader: in one step with the look at the lock. False when the operation does not hold.
   * @throws Deposed when this replica does not have the lock (any more)
   */
  async write(operation: Operation): Promise<boolean> {
    if (this.#session === null) throw new Deposed('this replica does not lead');
    const lock: Operation = { KV: { Verb: 'check-session', Key: LOCK, Session: this.#session } };
    const failed = await transact(this.#options.consul, [lock, operation]);
    if (failed === 0) throw new Deposed('another replica leads');
    return failed === null;
  }

  /** Gives the lock to whoever is next, now. */
  async resign(): Promise<void> {
    this.#fence = null;
    const { consul } = this.#options;
    if (this.#session !== null) await consul.session.destroy({ id: this.#session });
    await consul.agent.service.deregister({ id: this.#serviceId });
  }

  /** An agent that lost its state does not know the check: it is registered again. */
  async #passCheck(): Promise<void> {
    const { consul, replica } = this.#options;
    const id = `service:${this.#serviceId}`;
    try {
      await consul.agent.check.pass({ id });
    } catch {
      await consul.agent.service.register({
        id: this.#serviceId,
        name: CONTROL_SERVICE,
        tags: [`replica-${replica}`],
        check: {
          name: 'alive',
          ttl: TTL,
          timeout: TTL,
          status: 'passing',
          deregistercriticalserviceafter: FORGET_AFTER,
        },
      });
    }
  }

  async #makeSession(): Promise<string> {
    const { ID: id } = await this.#options.consul.session.create({
      name: LOCK,
      ttl: SESSION_TTL,
      lockdelay: '0s',
      behavior: 'release',
      checks: ['serfHealth', `service:${this.#serviceId}`],
    });
    return id;
  }

  /** A lock under a session that has ended is refused with an error. */
  async #acquire(session: string): Promise<boolean> {
    const { consul, replica } = this.#options;
    try {
      // A false answer comes back as undefined.
      const isOurs: boolean | undefined = await consul.kv.set({ key: LOCK, value: replica, acquire: session });
      return isOurs ?? false;
    } catch (error) {
      if (!isAnswer(error)) throw error;
      return false;
    }
  }

  /** The lock's index grows with every change of hands. */
  async #readFence(): Promise<Fence | null> {
    const { consul } = this.#options;
    // Whoever is first makes it; the others' answer is false.
    await consul.kv.set({ key: SCOPE, value: randomBytes(6).toString('hex'), cas: 0 });
    const [scope, lock] = await Promise.all([consul.kv.get(SCOPE), consul.kv.get(LOCK)]);
    // The client's types do not know of the session.
    const holder = (lock as { readonly Session?: string } | null | undefined)?.Session;
    if (holder === undefined || holder !== this.#session) return null;
    return { scope: scope?.Value ?? '', index: lock?.LockIndex ?? 0 };
  }

  /** A session ends with its check, such as after a pause of this process. One that may still be there keeps the lock from ours. */
  async #renewSession(session: string): Promise<void> {
    try {
      await this.#options.consul.session.renew({ id: session });
    } catch (error) {
      if (!isUnknown(error)) throw error;
      this.#session = null;
      this.#fence = null;
    }
  }
}

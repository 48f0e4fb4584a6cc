/**
 * Leadership by a lock in Consul. The session that holds it is bound to the check of this replica's own service, with no lock
 * delay: two seconds after a leader falls silent another one has the lock, where a bare session TTL would take twenty. The
 * lock's index grows with every change of hands and fences what a former leader still writes.
 */

import type { Clock } from '@headwater/service/clock';
import type Consul from 'consul';
import type { Leadership } from './registry.ts';

const CONTROL_SERVICE = 'headwater-control';
const LOCK = 'headwater/leader';
/** A leader that cannot confirm the lock for this long is none: by then another one may have it. */
const UNCONFIRMED_LIMIT_MS = 2_000;
const TTL = '2s';
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
  #fence = 0;
  #confirmedAtMs: number | null = null;

  constructor(options: ConsulLeaderOptions) {
    this.#options = options;
    this.#serviceId = `${CONTROL_SERVICE}-${options.replica}`;
  }

  get leadership(): Leadership {
    const atMs = this.#confirmedAtMs;
    const isLeader = atMs !== null && this.#options.clock.monotonicMs() - atMs < UNCONFIRMED_LIMIT_MS;
    return { isLeader, fence: this.#fence };
  }

  /** Shows that this replica lives, and takes or confirms the lock. Called twice a second. */
  async campaign(): Promise<void> {
    const startedMs = this.#options.clock.monotonicMs();
    await this.#passCheck();
    this.#session ??= await this.#makeSession();
    // A false answer comes back as undefined, so only true means that the lock is ours.
    const { consul, replica } = this.#options;
    const held = (await consul.kv.set({ key: LOCK, value: replica, acquire: this.#session }).catch(lost)) === true;
    if (!held) {
      this.#confirmedAtMs = null;
      await this.#renewSession();
      return;
    }
    this.#fence = (await consul.kv.get(LOCK))?.LockIndex ?? this.#fence;
    this.#confirmedAtMs = startedMs;
  }

  /** Gives the lock to whoever is next, now. */
  async resign(): Promise<void> {
    this.#confirmedAtMs = null;
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
      lockdelay: '0s',
      behavior: 'release',
      checks: ['serfHealth', `service:${this.#serviceId}`],
    });
    return id;
  }

  /** A session ends with its check, such as after a pause of this process. */
  async #renewSession(): Promise<void> {
    if (this.#session === null) return;
    const found: unknown = await this.#options.consul.session.get({ id: this.#session });
    if (found === undefined || found === null || (Array.isArray(found) && found.length === 0)) this.#session = null;
  }
}

/** A lock under a session that has ended is refused with an error. */
function lost(): undefined {
  return undefined;
}

/**
 * The store in Redis, shared by replicas: a hash of documents for each collection, and a Stream as the log. Every step is one
 * script. Whoever waits for the log is woken by a blocking read from the last entry seen, so a gap in the connection loses
 * nothing. A Redis that came back without its data is refused: an empty catalogue must not reach the nodes as the truth.
 */

import { randomBytes } from 'node:crypto';
import type { FeedMessage, FeedPage } from '@headwater/protocol/feed';
import type { Clock } from '@headwater/service/clock';
import type { Redis } from 'ioredis';
import { Breaker } from './breaker.ts';
import { LOG_LIMIT } from './embedded-log.ts';
import { patiently } from './patiently.ts';
import { COMMAND_DEADLINE_MS, connectBlocking, connectRedis, firstConnection, inTime } from './redis-connection.ts';
import { CHANGES_SINCE, COMMIT } from './redis-script.ts';
import {
  type Collection,
  type Document,
  type Facts,
  type Outcome,
  type Page,
  type Step,
  type Store,
  StoreUnavailable,
} from './store.ts';

interface RedisStoreOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly logLimit?: number;
  readonly deadlineMs?: number;
  /** the store went away, or is there again */
  readonly onAvailable?: (available: boolean, reason: string) => void;
}

/** One slot of a cluster, should it ever be one. */
const PREFIX = '{headwater}:';
const LOG_ID = `${PREFIX}log-id`;
const REVISION = `${PREFIX}revision`;
const LOG = `${PREFIX}log`;
const LOG_COUNT = `${PREFIX}log-count`;
/** So many documents are read by one command. */
const PAGE_LIMIT = 500;
const BREAKER = { failures: 3, pauseMs: 500 } as const;
/** A blocking read that saw nothing for so long is asked again. */
const BLOCK_MS = 5_000;
/** Facts that nobody has written for so long are gone. */
const FACTS_TTL_MS = 60_000;
const FIRST_ENTRY = '0-0';
const ENTRY = /^\d{1,15}-\d{1,15}$/;

/** @throws StoreUnavailable when Redis does not answer at the start */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const store = new RedisStore(options);
  try {
    await store.open();
    return store;
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
}

type Entry = readonly [id: string, fields: readonly string[]];

class RedisStore implements Store {
  readonly #redis: Redis;
  readonly #blocking: Redis;
  readonly #breaker: Breaker;
  readonly #logLimit: number;
  readonly #deadlineMs: number;
  readonly #listeners = new Set<() => void>();
  #logId = '';
  #reason = '';
  #closed = false;
  #wakingSoon: NodeJS.Timeout | null = null;
  #following: Promise<void> = Promise.resolve();

  constructor({ url, clock, logLimit = LOG_LIMIT, deadlineMs = COMMAND_DEADLINE_MS, onAvailable }: RedisStoreOptions) {
    const note = (error: Error): void => void (this.#reason = error.message);
    this.#redis = connectRedis(url, note);
    this.#blocking = connectBlocking(url, BLOCK_MS, note);
    this.#logLimit = logLimit;
    this.#deadlineMs = deadlineMs;
    this.#breaker = new Breaker({ clock, ...BREAKER, onChange: (open) => onAvailable?.(!open, this.#reason) });
  }

  async open(): Promise<void> {
    await firstConnection(this.#redis);
    await firstConnection(this.#blocking);
    const made = randomBytes(6).toString('hex');
    this.#logId = await patiently(() =>
      this.#ask(async (redis) => {
        await redis.set(LOG_ID, made, 'NX');
        return (await redis.get(LOG_ID)) ?? '';
      }),
    );
    this.#following = this.#follow();
  }

  async get(collection: Collection, id: string): Promise<Document | null> {
    const stored = await this.#read((redis) => redis.hget(documentsOf(collection), id));
    return stored === null ? null : parseDocument(id, stored);
  }

  async list(collection: Collection, { after = '', limit = Infinity }: Page = {}): Promise<readonly Document[]> {
    const found: Document[] = [];
    for (let last = after; found.length < limit;) {
      const wanted = Math.min(PAGE_LIMIT, limit - found.length);
      const from = last === '' ? '-' : `(${last}`;
      const ids = await this.#read((redis) =>
        redis.zrangebylex(`${PREFIX}ids:${collection}`, from, '+', 'LIMIT', 0, wanted),
      );
      if (ids.length === 0) break;
      const stored = await this.#read((redis) => redis.hmget(documentsOf(collection), ...ids));
      // One that was deleted between the two commands is not there any more.
      ids.forEach((id, index) => {
        const text = stored[index];
        if (text !== null && text !== undefined) found.push(parseDocument(id, text));
      });
      last = ids.at(-1) as string;
    }
    return found;
  }

  async count(collection: Collection): Promise<number> {
    return this.#read((redis) => redis.hlen(documentsOf(collection)));
  }

  async commit({ changes, log = [], room }: Step): Promise<Outcome> {
    const args = changes.flatMap(({ collection, id, expect, body }) => {
      const isRemoval = body === undefined;
      return [collection, id, expect, isRemoval ? 'delete' : 'put', isRemoval ? '' : JSON.stringify(body)];
    });
    const head = [PREFIX, this.#logId, this.#logLimit, room?.collection ?? '', room?.most ?? 0, changes.length];
    const entries = log.map((message) => JSON.stringify(message));
    const answer = await this.#ask((redis) =>
      redis.eval(COMMIT, 4, LOG_ID, REVISION, LOG, LOG_COUNT, ...head, ...args, ...entries),
    );
    if (answer === 'lost') throw lost();
    return answer as Outcome;
  }

  async head(): Promise<string> {
    return this.#cursor(await this.#read(newestEntry));
  }

  async changesSince(cursor: string, limit: number): Promise<FeedPage | null> {
    const [id, entry, ...rest] = cursor.split('.');
    if (id !== this.#logId || entry === undefined || !ENTRY.test(entry) || rest.length > 0) return null;
    const answer = (await this.#ask((redis) =>
      redis.eval(CHANGES_SINCE, 3, LOG_ID, LOG, LOG_COUNT, this.#logId, entry, limit),
    )) as 'lost' | 'gone' | readonly Entry[];
    if (answer === 'lost') throw lost();
    if (answer === 'gone') return null;
    return {
      cursor: this.#cursor(answer.at(-1)?.[0] ?? entry),
      snapshot: false,
      messages: answer.map(([, fields]) => JSON.parse(fields[1] ?? '') as FeedMessage),
    };
  }

  onGrowth(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async share(topic: string, facts: Facts): Promise<void> {
    const names = Object.keys(facts);
    const gone = names.filter((name) => facts[name] === null);
    const told = Object.fromEntries(Object.entries(facts).filter((fact): fact is [string, string] => fact[1] !== null));
    await this.#ask(async (redis) => {
      if (gone.length > 0) await redis.hdel(factsOf(topic), ...gone);
      if (gone.length < names.length) await redis.hset(factsOf(topic), told);
      await redis.pexpire(factsOf(topic), FACTS_TTL_MS);
    });
  }

  async shared(topic: string): Promise<ReadonlyMap<string, string>> {
    return new Map(Object.entries(await this.#ask((redis) => redis.hgetall(factsOf(topic)))));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    if (this.#wakingSoon !== null) clearTimeout(this.#wakingSoon);
    this.#redis.disconnect();
    this.#blocking.disconnect();
    await this.#following;
  }

  /** Follows the log for as long as the store is open, and wakes those who wait for it. */
  async #follow(): Promise<void> {
    let last: string | null = null;
    while (!this.#closed) {
      try {
        if (last === null) {
          last = await newestEntry(this.#blocking);
        } else {
          const newest = await entryAfter(this.#blocking, last);
          if (newest === null) continue;
          last = newest;
        }
        this.#wake();
      } catch {
        // What came in the gap is found by those who are woken once the end of the log is known again.
        last = null;
        await this.#connectedAgain();
      }
    }
  }

  async #connectedAgain(): Promise<void> {
    if (this.#closed) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    // A server that answers with an error is asked again after a pause, too.
    const pause = this.#blocking.status === 'ready' ? setTimeout(resolve, BREAKER.pauseMs).unref() : undefined;
    this.#blocking.once('ready', resolve).once('end', resolve);
    await promise;
    clearTimeout(pause);
    this.#blocking.off('ready', resolve).off('end', resolve);
  }

  /** The commands of one connection are answered in their order: what was there before its log was, was not lost. */
  async #read<T>(question: (redis: Redis) => Promise<T>): Promise<T> {
    const [answer, id] = await this.#ask((redis) => Promise.all([question(redis), redis.get(LOG_ID)]));
    if (id !== this.#logId) throw lost();
    return answer;
  }

  /** Asks, or fails at once while the breaker is open. */
  async #ask<T>(question: (redis: Redis) => Promise<T>): Promise<T> {
    if (!this.#breaker.admits()) {
      this.#wakeSoon();
      throw new StoreUnavailable(`Redis is not there: ${this.#reason}`);
    }
    try {
      const answer = await inTime(question(this.#redis), this.#deadlineMs);
      this.#breaker.succeeded();
      return answer;
    } catch (cause) {
      this.#reason = cause instanceof Error ? cause.message : String(cause);
      this.#breaker.failed();
      this.#wakeSoon();
      throw new StoreUnavailable(`Redis did not answer: ${this.#reason}`, { cause });
    }
  }

  #wake(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Who was woken and could not read what had grown is woken again: the log may not grow for long. */
  #wakeSoon(): void {
    if (this.#closed) return;
    this.#wakingSoon ??= setTimeout(() => {
      this.#wakingSoon = null;
      this.#wake();
    }, BREAKER.pauseMs).unref();
  }

  #cursor(entry: string): string {
    return `${this.#logId}.${entry}`;
  }
}

/** Waits for entries after one; the newest of them, or null when none came. */
async function entryAfter(redis: Redis, last: string): Promise<string | null> {
  const answer = await redis.xread('COUNT', 1_000, 'BLOCK', BLOCK_MS, 'STREAMS', LOG, last);
  return answer?.[0]?.[1].at(-1)?.[0] ?? null;
}

async function newestEntry(redis: Redis): Promise<string> {
  return (await redis.xrevrange(LOG, '+', '-', 'COUNT', 1))[0]?.[0] ?? FIRST_ENTRY;
}

function documentsOf(collection: Collection): string {
  return `${PREFIX}doc:${collection}`;
}

function factsOf(topic: string): string {
  return `${PREFIX}facts:${topic}`;
}

function parseDocument(id: string, stored: string): Document {
  const colon = stored.indexOf(':');
  return { id, revision: Number(stored.slice(0, colon)), body: JSON.parse(stored.slice(colon + 1)) as unknown };
}

function lost(): StoreUnavailable {
  return new StoreUnavailable('Redis has lost its data: restore it, or start the control plane anew on the empty one');
}

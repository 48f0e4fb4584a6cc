/** Connections to Redis that never make anybody wait: a command has an answer, or an error at once. */

import { Redis, type RedisOptions } from 'ioredis';
import { StoreUnavailable } from './store.ts';

/** A hung server is given up after this time, each command for itself. */
export const COMMAND_DEADLINE_MS = 50;
const CONNECT_DEADLINE_MS = 500;
const SILENCE_LIMIT_MS = 1_000;
const RECONNECT = { stepMs: 50, mostMs: 1_000 } as const;
/** How long a start waits for the first connection. */
const READY_DEADLINE_MS = 5_000;

/**
 * ioredis' defaults keep a command for more than a minute when the server is gone. Here nothing is queued or sent twice: what
 * could not be sent fails, and whoever asked decides.
 */
function optionsFor(silenceMs: number) {
  return {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: CONNECT_DEADLINE_MS,
    retryStrategy: (times: number) => Math.min(times * RECONNECT.stepMs, RECONNECT.mostMs),
    socketTimeout: silenceMs,
  } satisfies RedisOptions;
}

/** For commands. */
export function connectRedis(url: string, onError: (error: Error) => void): Redis {
  return listened(new Redis(url, optionsFor(SILENCE_LIMIT_MS)), onError);
}

/** For commands that block on the server until there is news, or for so long. */
export function connectBlocking(url: string, blockMs: number, onError: (error: Error) => void): Redis {
  return listened(new Redis(url, optionsFor(blockMs + SILENCE_LIMIT_MS)), onError);
}

/**
 * An answer in time. ioredis' own `commandTimeout` fires in an event loop that was busy although the answer lies in the socket:
 * here the sockets are looked at once more before it is given up.
 */
export async function inTime<T>(answer: Promise<T>, deadlineMs: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const giveUp = (): void => late.reject(new Error(`no answer in ${deadlineMs} ms`));
  const timer = setTimeout(() => setImmediate(() => setImmediate(giveUp)), deadlineMs);
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function listened(redis: Redis, onError: (error: Error) => void): Redis {
  redis.on('error', onError);
  return redis;
}

/**
 * Waits for the first connection, which goes on being tried behind.
 * @throws StoreUnavailable when there is none in time
 */
export async function firstConnection(redis: Redis): Promise<void> {
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  redis.once('ready', resolve);
  const late = setTimeout(() => reject(new StoreUnavailable('Redis did not answer at the start')), READY_DEADLINE_MS);
  // A refused first try is reported as an error event; the retries go on.
  redis.connect().catch(() => undefined);
  try {
    await ready;
  } finally {
    clearTimeout(late);
  }
}

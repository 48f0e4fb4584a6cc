/** A client of one Consul agent, and what its answers mean. */

import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import Consul from 'consul';
import { StoreUnavailable } from '../state/store.ts';
import type { KeyValue } from './registry.ts';

/**
 * An agent answers at most 200 connections of a client. What waits (the watch) and what must not wait (the leader's lock) has
 * connections that no heartbeat queues for.
 */
export const SOCKETS = { nodes: 48, ownWork: 8 } as const;
/** Of all but blocking queries, which name their own: as a default it would cut those short. */
const REQUEST_DEADLINE_MS = 2_000;
const KEYS = 'headwater/config/';

interface ConsulAgent {
  readonly url: string;
  /** ACL token */
  readonly token: string | null;
}

/** @param sockets at most so many connections at once */
export function connectConsul({ url, token }: ConsulAgent, sockets: number): Consul {
  const { hostname: host, port, protocol } = new URL(url);
  const secure = protocol === 'https:';
  const agent = new (secure ? TlsAgent : Agent)({ keepAlive: true, maxSockets: sockets });
  const defaults = { timeout: REQUEST_DEADLINE_MS, ...(token === null ? {} : { token }) };
  return new Consul({ host, port: Number(port || (secure ? 443 : 80)), secure, agent, defaults });
}

/** Consul said no, as opposed to not saying anything. */
export function isAnswer(error: unknown): boolean {
  return statusOf(error) !== undefined;
}

/** Consul has no such thing, as opposed to an agent that cannot ask its servers just now: that is an answer, too. */
export function isUnknown(error: unknown): boolean {
  return statusOf(error) === 404;
}

function statusOf(error: unknown): number | undefined {
  return (error as { readonly response?: { readonly statusCode?: number } }).response?.statusCode;
}

/** One operation of a transaction, as Consul's API has it. */
export type Operation =
  | { readonly KV: { readonly Verb: 'cas'; readonly Key: string; readonly Value: string; readonly Index: number } }
  | { readonly KV: { readonly Verb: 'check-session'; readonly Key: string; readonly Session: string } }
  | { readonly Service: { readonly Verb: 'delete'; readonly Node: string; readonly Service: ServiceName } };

interface ServiceName {
  readonly ID: string;
  readonly Service: string;
}

/** All of it, or nothing. @returns which operation did not hold; null: all is done */
export async function transact(consul: Consul, operations: readonly Operation[]): Promise<number | null> {
  try {
    // The client's types have operations in another form than its code and the API.
    type Arguments = Parameters<(operations: never, options: never) => void>;
    await consul.transaction.create(...([operations, {}] as unknown as Arguments));
    return null;
  } catch (error) {
    const { statusCode, body } = (error as { readonly response?: Refusal }).response ?? {};
    const failed = statusCode === CONFLICT ? body?.Errors?.[0]?.OpIndex : undefined;
    if (failed === undefined) throw error;
    return failed;
  }
}

const CONFLICT = 409;

interface Refusal {
  readonly statusCode: number;
  readonly body?: { readonly Errors?: readonly { readonly OpIndex: number }[] };
}

export function keyValueOver(consul: Consul): KeyValue {
  return {
    async get(key) {
      // No such key is undefined.
      const kept = await answerOf(consul.kv.get(KEYS + key));
      return kept === undefined || kept === null ? null : { value: kept.Value ?? '', index: kept.ModifyIndex };
    },
    async cas(key, value, index) {
      // A false answer comes back as undefined.
      const done: boolean | undefined = await answerOf(consul.kv.set({ key: KEYS + key, value, cas: index }));
      return done ?? false;
    },
  };
}

/** Who asks for a value is told that it cannot be had now, as of what the store keeps. */
async function answerOf<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (cause) {
    throw new StoreUnavailable(`Consul gave no value: ${(cause as Error).message}`, { cause });
  }
}

/**
 * The same for a leader.
 * @param write does it, in one step with what makes it a leader
 */
export function leaderKeyValueOver(kv: KeyValue, write: (operation: Operation) => Promise<boolean>): KeyValue {
  return {
    get: (key) => kv.get(key),
    cas(key, value, index) {
      const text = Buffer.from(value).toString('base64');
      return write({ KV: { Verb: 'cas', Key: KEYS + key, Value: text, Index: index } });
    },
  };
}

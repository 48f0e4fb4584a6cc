/** A client of one Consul agent, and what its answers mean. */

import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import Consul from 'consul';
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
  return (error as { readonly response?: { readonly statusCode?: number } }).response?.statusCode !== undefined;
}

export function keyValueOver(consul: Consul): KeyValue {
  return {
    async get(key) {
      // No such key is undefined.
      const kept = await consul.kv.get(KEYS + key);
      return kept === undefined || kept === null ? null : { value: kept.Value ?? '', index: kept.ModifyIndex };
    },
    async cas(key, value, index) {
      // A false answer comes back as undefined.
      const done: boolean | undefined = await consul.kv.set({ key: KEYS + key, value, cas: index });
      return done ?? false;
    },
  };
}

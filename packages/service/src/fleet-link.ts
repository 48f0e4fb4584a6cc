/**
 * A node's link to the control plane: joins, sends a heartbeat a second, follows the feed into a FeedState, and keeps what it
 * knows on disk. It never gives up and never empties what is known: a node plays on without a control plane.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { FeedPage } from '@headwater/protocol/feed';
import type { FeedState } from '@headwater/protocol/feed-state';
import type { Heartbeat, JoinReply, Load, NodeDescription } from '@headwater/protocol/node';
import { backoffMs } from './backoff.ts';
import type { Clock } from './clock.ts';
import { type ControlAnswer, ControlClient } from './control-client.ts';
import type { Log } from './log.ts';
import { readNodeState, writeNodeState } from './node-state-file.ts';

export interface FleetLinkOptions {
  /** base URLs of the control plane's replicas, without a trailing slash */
  readonly controlUrls: readonly string[];
  readonly joinToken: string;
  /** read at every join, so that ports bound since are told */
  readonly node: () => NodeDescription;
  /** read at every heartbeat */
  readonly load: () => Load;
  readonly draining?: () => boolean;
  /** origin only */
  readonly streams?: () => NonNullable<Heartbeat['streams']>;
  /** filled from disk before `startFleetLink` returns, then by the feed */
  readonly state: FeedState;
  readonly stateFile: string;
  readonly clock: Clock;
  readonly log: Log;
  /** after each page that `state` took in, the one from disk included: it holds what is an order and not a state, such as purges */
  readonly onPage?: (page: FeedPage) => void;
}

export interface FleetLink {
  /** whether the newest heartbeat was accepted */
  readonly connected: boolean;
  /**
   * Asks the control plane as this node, such as for a publish. Never throws.
   * @returns `unreachable` also while the node has not joined yet
   */
  ask(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<ControlAnswer>;
}

const ASK_DEADLINE_MS = 2_000;
const JOIN_DEADLINE_MS = 5_000;
/** Above the control plane's own wait of 20 s, so that only a dead connection runs into it. */
const FEED_DEADLINE_MS = 30_000;
const RETRY = { firstMs: 100, maxMs: 5_000, random: Math.random } as const;
const SHORT_MEMBERSHIP_MS = 5_000;
/** Changes within this time are written to disk together. */
const SAVE_DELAY_MS = 500;

/** Starts the link; returns at once, whether or not a control plane answers. */
export async function startFleetLink(options: FleetLinkOptions): Promise<FleetLink & AsyncDisposable> {
  const link = new Link(options);
  await link.restore();
  link.start();
  return link;
}

class Link implements FleetLink {
  readonly #options: FleetLinkOptions;
  readonly #client: ControlClient;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #saving: Promise<void> = Promise.resolve();
  #saveTimer: NodeJS.Timeout | undefined;
  #credential: string | null = null;
  #connected = false;

  constructor(options: FleetLinkOptions) {
    this.#options = options;
    this.#client = new ControlClient(options.controlUrls[0] ?? '');
  }

  get connected(): boolean {
    return this.#connected;
  }

  async ask(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<ControlAnswer> {
    const bearer = this.#credential;
    if (bearer === null) return { kind: 'unreachable', reason: 'this node has not joined' };
    return this.#client.request({ method, path, bearer, body, deadlineMs: ASK_DEADLINE_MS, signal: this.#stop.signal });
  }

  /** Takes up what a former process of this node knew. A damaged file is no reason not to start. */
  async restore(): Promise<void> {
    const { state, stateFile, log, onPage } = this.#options;
    try {
      const kept = await readNodeState(stateFile);
      if (kept === null) return;
      this.#credential = kept.credential;
      if (kept.page === null) return;
      state.apply(kept.page);
      onPage?.(kept.page);
      log('info', 'fleet_state_restored', { nodes: state.nodes.size, streams: state.streams.size });
    } catch (error) {
      log('warn', 'fleet_state_unreadable', { file: stateFile, reason: String(error) });
    }
  }

  start(): void {
    this.#running = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#client[Symbol.asyncDispose]();
    if (this.#saveTimer === undefined) return this.#saving;
    clearTimeout(this.#saveTimer);
    this.#save();
    await this.#saving;
  }

  /** Each turn is one membership: from a join to the credential's refusal. */
  async #run(): Promise<void> {
    const { clock } = this.#options;
    let shortLived = 0;
    while (!this.#stop.signal.aborted) {
      const member = await this.#join();
      if (member === null) return;
      const joinedMs = clock.monotonicMs();
      const ended = new AbortController();
      const over = AbortSignal.any([this.#stop.signal, ended.signal]);
      await Promise.all([
        this.#beat(member, over).finally(() => ended.abort()),
        this.#follow(member, over).finally(() => ended.abort()),
      ]);
      this.#connected = false;
      // Two processes with one id take it from each other for ever; slowly, then.
      shortLived = clock.monotonicMs() - joinedMs < SHORT_MEMBERSHIP_MS ? shortLived + 1 : 0;
      if (shortLived > 0) await this.#pause(shortLived);
    }
  }

  /** Joins, trying for ever. Null once stopped. */
  async #join(): Promise<JoinReply | null> {
    const { joinToken, node, log } = this.#options;
    for (let attempt = 0; !this.#stop.signal.aborted; attempt += 1) {
      const answer = await this.#client.request({
        method: 'POST',
        path: '/v1/nodes/join',
        bearer: joinToken,
        body: node(),
        deadlineMs: JOIN_DEADLINE_MS,
        signal: this.#stop.signal,
      });
      if (answer.kind === 'answer' && answer.status === 201) {
        const reply = answer.body as JoinReply;
        this.#credential = reply.credential;
        this.#saveSoon();
        log('info', 'fleet_joined', { attempt });
        return reply;
      }
      // One line for the first refusal; the rest of a long outage is not news.
      if (attempt === 0) log('warn', 'fleet_join_failed', describe(answer));
      await this.#pause(attempt);
    }
    return null;
  }

  /** Heartbeats until the credential is refused or the signal falls. */
  async #beat(member: JoinReply, over: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    while (!over.aborted) {
      const startedMs = clock.monotonicMs();
      const answer = await this.#client.request({
        method: 'POST',
        path: `/v1/nodes/${this.#options.node().id}/heartbeat`,
        bearer: member.credential,
        body: this.#heartbeat(),
        deadlineMs: ASK_DEADLINE_MS,
        signal: over,
      });
      if (isRefused(answer)) return;
      const connected = answer.kind === 'answer' && answer.status < 300;
      if (this.#connected && !connected && !over.aborted) log('warn', 'fleet_heartbeat_failed', describe(answer));
      this.#connected = connected;
      await wait(member.heartbeatMs - (clock.monotonicMs() - startedMs), over);
    }
  }

  #heartbeat(): Heartbeat {
    const { load, draining, streams, state } = this.#options;
    const beat = { cursor: state.cursor, load: load(), draining: draining?.() ?? false };
    return streams === undefined ? beat : { ...beat, streams: streams() };
  }

  /** Follows the feed until the credential is refused or the signal falls. */
  async #follow(member: JoinReply, over: AbortSignal): Promise<void> {
    const { state, log } = this.#options;
    let failures = 0;
    while (!over.aborted) {
      const cursor = state.cursor;
      const answer = await this.#client.request({
        method: 'GET',
        path: cursor === null ? '/v1/feed' : `/v1/feed?cursor=${encodeURIComponent(cursor)}`,
        bearer: member.credential,
        deadlineMs: FEED_DEADLINE_MS,
        signal: over,
      });
      if (isRefused(answer)) return;
      if (answer.kind === 'answer' && answer.status === 200 && this.#take(answer.body as FeedPage)) {
        failures = 0;
        continue;
      }
      if (failures === 0 && !over.aborted) log('warn', 'fleet_feed_failed', describe(answer));
      await this.#pause(failures);
      failures += 1;
    }
  }

  /** Whether the page could be taken in. An idle poll's page is empty and costs nothing. */
  #take(page: FeedPage): boolean {
    const { state, onPage, log } = this.#options;
    if (page.messages.length === 0 && !page.snapshot && page.cursor === state.cursor) return true;
    try {
      state.apply(page);
    } catch (error) {
      log('error', 'fleet_page_refused', { cursor: page.cursor, reason: String(error) });
      return false;
    }
    onPage?.(page);
    this.#saveSoon();
    return true;
  }

  async #pause(attempt: number): Promise<void> {
    await wait(backoffMs(attempt, RETRY), this.#stop.signal);
  }

  #saveSoon(): void {
    this.#saveTimer ??= setTimeout(() => this.#save(), SAVE_DELAY_MS).unref();
  }

  /** One write at a time; a change during a write has set the timer anew. */
  #save(): void {
    const { state, stateFile, log } = this.#options;
    this.#saveTimer = undefined;
    const kept = { credential: this.#credential, page: state.snapshot() };
    this.#saving = this.#saving
      .then(() => writeNodeState(stateFile, kept))
      .catch((error: unknown) => log('error', 'fleet_state_not_saved', { file: stateFile, reason: String(error) }));
  }
}

/** The control plane does not know this credential (any more): join again. */
function isRefused(answer: ControlAnswer): boolean {
  return answer.kind === 'answer' && answer.status === 401;
}

function describe(answer: ControlAnswer): { reason: string } {
  return { reason: answer.kind === 'answer' ? `status ${answer.status}` : answer.reason };
}

/** Resolves after a time or when the signal falls, whichever is first. */
async function wait(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await sleep(Math.max(0, ms), undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

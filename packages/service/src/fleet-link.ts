/**
 * A node's link to the control plane: joins once, shows itself by its key from then on, sends a heartbeat a second, follows
 * the feed into a FeedState, and keeps what it knows on disk. It never gives up and never empties what is known: a node plays on
 * without a control plane.
 */

import { type KeyObject, generateKeyPairSync } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FeedPage } from '@headwater/protocol/feed';
import type { FeedState } from '@headwater/protocol/feed-state';
import type {
  CredentialRequest,
  Heartbeat,
  JoinRequest,
  Load,
  NodeDescription,
  NodeSession,
} from '@headwater/protocol/node';
import { nodeKeyOf, signNodeProof } from '@headwater/protocol/node-credential';
import type { ProblemCode } from '@headwater/protocol/problem';
import { backoffMs } from './backoff.ts';
import type { Clock } from './clock.ts';
import { hasCode, isRefused, pageOf, sessionOf } from './control-answers.ts';
import { type ControlAnswer, ControlClient } from './control-client.ts';
import type { Log } from './log.ts';
import { readNodeState, writeNodeState } from './node-state-file.ts';

export interface FleetLinkOptions {
  /** base URLs of the control plane's replicas, without a trailing slash */
  readonly controlUrls: readonly string[];
  /** lets this node in, once; empty for one that has joined before */
  readonly joinToken: string;
  /** read whenever this process introduces itself, so that ports bound since are told */
  readonly node: () => NodeDescription;
  /** read at every heartbeat */
  readonly load: () => Load;
  readonly draining?: () => boolean;
  /** origin only */
  readonly streams?: () => NonNullable<Heartbeat['streams']>;
  /** filled from disk before `startFleetLink` returns, unless something is in it already; then by the feed */
  readonly state: FeedState;
  readonly stateFile: string;
  /** how long changes are gathered before they are written, at least; half a second unless given */
  readonly saveDelayMs?: number;
  readonly clock: Clock;
  readonly log: Log;
  /**
   * Called after each page that `state` took in, the one from disk included: it holds what is an order and not a state, such as
   * purges. The page is acknowledged, and the next one asked for, once it has come back; it must not throw.
   */
  readonly onPage?: (page: FeedPage) => void | Promise<void>;
  /** Called when a poll was answered and all that came before is taken in, also when there was no news. */
  readonly onHeard?: () => void;
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
const ENTER_DEADLINE_MS = 5_000;
/** A replica that hangs is left before the other nodes take this one for lapsed (2.5 s). */
const BEAT_DEADLINE_MS = 1_200;
/** Above the control plane's own wait of 20 s, so that only a dead connection runs into it. */
const FEED_DEADLINE_MS = 30_000;
const RETRY = { firstMs: 100, maxMs: 5_000, random: Math.random } as const;
const SHORT_MEMBERSHIP_MS = 5_000;
/** A node that was removed asks again so seldom. */
const REMOVED_PAUSE_MS = 30_000;
/** A process that is let in later than this did not wait for it: it has served meanwhile by what it knew. */
const YOUNG_MS = 30_000;
/** Refusals of a node that showed its key, after which a join token may let it in. */
const STRANGER_CODES = ['node_unknown', 'node_proof', 'node_removed'] as const satisfies readonly ProblemCode[];
/** Changes within this time are written to disk together. */
const SAVE_DELAY_MS = 500;
/** What takes long, as with a large fleet on a slow disk, is done the more seldom: writing is a small share of the time. */
const SAVE_PAUSES = 20;
const SAVE_DELAY_MAX_MS = 10_000;

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
  /** how long the last one took */
  #saveMs = 0;
  #privateKey: KeyObject | null = null;
  #isKeyKept = false;
  #isEnrolled = false;
  #isStarting = true;
  #isRemoved = false;
  readonly #startedMs: number;
  #session: NodeSession | null = null;
  #connected = false;
  /** of the newest page of which all is done: what heartbeats acknowledge */
  #doneCursor: string | null = null;

  constructor(options: FleetLinkOptions) {
    this.#options = options;
    this.#client = new ControlClient(options.controlUrls);
    this.#startedMs = options.clock.monotonicMs();
  }

  get connected(): boolean {
    return this.#connected;
  }

  async ask(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<ControlAnswer> {
    const bearer = this.#session?.credential;
    if (bearer === undefined) return { kind: 'unreachable', reason: 'this node has not joined' };
    return this.#client.request({ method, path, bearer, body, deadlineMs: ASK_DEADLINE_MS, signal: this.#stop.signal });
  }

  /** Takes up what a former process of this node knew. A damaged file is no reason not to start. */
  async restore(): Promise<void> {
    const { state, stateFile, log, onPage } = this.#options;
    try {
      const kept = await readNodeState(stateFile);
      if (kept === null) return;
      this.#privateKey = kept.privateKey;
      this.#isKeyKept = true;
      this.#isEnrolled = kept.isEnrolled;
      // It takes over from another process of this node, which has told it all, and done what was ordered.
      if (state.cursor !== null) {
        this.#doneCursor = state.cursor;
        this.#isStarting = false;
        return;
      }
      if (kept.page === null) return;
      state.apply(kept.page);
      await onPage?.(kept.page);
      this.#doneCursor = kept.page.cursor;
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
    await this.#save();
  }

  /** Each turn is one membership: from the moment this process is known to the credential's refusal. */
  async #run(): Promise<void> {
    const { clock } = this.#options;
    let shortLived = 0;
    while (!this.#stop.signal.aborted) {
      const session = await this.#enter();
      if (session === null) return;
      this.#session = session;
      const enteredMs = clock.monotonicMs();
      const ended = new AbortController();
      const over = AbortSignal.any([this.#stop.signal, ended.signal]);
      await Promise.all([
        this.#beat(session.heartbeatMs, over).finally(() => ended.abort()),
        this.#follow(over).finally(() => ended.abort()),
      ]);
      this.#connected = false;
      // Two processes with one id take it from each other for ever; slowly, then.
      shortLived = clock.monotonicMs() - enteredMs < SHORT_MEMBERSHIP_MS ? shortLived + 1 : 0;
      if (shortLived > 0) await this.#pause(shortLived);
    }
  }

  /** Becomes known, trying for ever. Null once stopped. */
  async #enter(): Promise<NodeSession | null> {
    const { log } = this.#options;
    for (let attempt = 0; !this.#stop.signal.aborted; attempt += 1) {
      const answer = await this.#knock();
      const session = sessionOf(answer);
      if (session !== null) {
        if (!this.#isEnrolled) log('info', 'fleet_joined', { attempt });
        this.#isEnrolled = true;
        this.#isStarting = false;
        this.#isRemoved = false;
        this.#saveSoon();
        return session;
      }
      // One line for the first refusal; the rest of a long outage is not news.
      if (attempt === 0) log('warn', 'fleet_join_failed', describe(answer));
      if (hasCode(answer, 'node_removed')) await this.#afterRemoval();
      else await this.#pause(attempt);
      // Nothing holds this node to a replica that cannot let anybody in.
      if (answer.kind === 'answer' && (answer.status >= 500 || answer.status < 400)) this.#client.moveOn();
    }
    return null;
  }

  /** A control plane that does not take the key (any more), or lost what it knew, is joined as the first one was. */
  async #knock(): Promise<ControlAnswer> {
    const answer = this.#isEnrolled ? await this.#introduce() : null;
    const isStranger = answer !== null && STRANGER_CODES.some((code) => hasCode(answer, code));
    if (answer !== null && !(isStranger && this.#options.joinToken !== '')) return answer;
    const joined = await this.#join();
    return answer === null || sessionOf(joined) !== null ? joined : answer;
  }

  async #join(): Promise<ControlAnswer> {
    const { joinToken, node, clock } = this.#options;
    const publicKey = nodeKeyOf(this.#key());
    // A token that was used up for a key that is lost would help nobody.
    if (!this.#isKeyKept) await this.#save();
    this.#isKeyKept = true;
    const description = node();
    const proof = signNodeProof(description.id, clock.nowMs(), this.#key());
    const body: JoinRequest = { node: description, publicKey, proof };
    return this.#post('/v1/nodes/join', body, { bearer: joinToken });
  }

  /** Shows the key that this node joined with. */
  async #introduce(deadlineMs?: number): Promise<ControlAnswer> {
    const { node, clock } = this.#options;
    const description = node();
    const proof = signNodeProof(description.id, clock.nowMs(), this.#key());
    const isYoung = clock.monotonicMs() - this.#startedMs < YOUNG_MS;
    const body: CredentialRequest = {
      node: description,
      publicKey: nodeKeyOf(this.#key()),
      proof,
      starting: this.#isStarting && isYoung,
    };
    return this.#post(`/v1/nodes/${description.id}/credential`, body, { deadlineMs });
  }

  /** An operator took this node out. With a token it may come back; it plays on with what it knows meanwhile. */
  async #afterRemoval(): Promise<void> {
    if (!this.#isRemoved) this.#options.log('error', 'fleet_removed');
    this.#isRemoved = true;
    await wait(REMOVED_PAUSE_MS, this.#stop.signal);
  }

  #key(): KeyObject {
    this.#privateKey ??= generateKeyPairSync('ed25519').privateKey;
    return this.#privateKey;
  }

  async #post(
    path: string,
    body: unknown,
    { bearer, deadlineMs = ENTER_DEADLINE_MS }: { bearer?: string; deadlineMs?: number | undefined },
  ): Promise<ControlAnswer> {
    const token = bearer === undefined ? {} : { bearer };
    const { signal } = this.#stop;
    return this.#client.request({ method: 'POST', path, body, deadlineMs, signal, ...token });
  }

  /** Heartbeats until the credential is refused or the signal falls. */
  async #beat(heartbeatMs: number, over: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    let renewAtMs = this.#renewalMs();
    while (!over.aborted) {
      const startedMs = clock.monotonicMs();
      if (clock.nowMs() >= renewAtMs) {
        await this.#renew();
        renewAtMs = this.#renewalMs();
      }
      const answer = await this.#client.request({
        method: 'POST',
        path: `/v1/nodes/${this.#options.node().id}/heartbeat`,
        bearer: this.#session?.credential ?? '',
        body: this.#heartbeat(),
        deadlineMs: BEAT_DEADLINE_MS,
        signal: over,
      });
      if (isRefused(answer)) return;
      const connected = answer.kind === 'answer' && answer.status < 300;
      if (this.#connected && !connected && !over.aborted) log('warn', 'fleet_heartbeat_failed', describe(answer));
      this.#connected = connected;
      await wait(heartbeatMs - (clock.monotonicMs() - startedMs), over);
    }
  }

  /** A credential is renewed when half of what was left of its life is over. */
  #renewalMs(): number {
    const nowMs = this.#options.clock.nowMs();
    return nowMs + Math.max(1_000, ((this.#session?.expiresAtMs ?? nowMs) - nowMs) / 2);
  }

  /** A renewal that fails is tried again in time; one that is refused shows at the next heartbeat, which waits for it. */
  async #renew(): Promise<void> {
    const answer = await this.#introduce(BEAT_DEADLINE_MS);
    this.#session = sessionOf(answer) ?? this.#session;
  }

  #heartbeat(): Heartbeat {
    const { load, draining, streams } = this.#options;
    const beat = { cursor: this.#doneCursor, load: load(), draining: draining?.() ?? false };
    return streams === undefined ? beat : { ...beat, streams: streams() };
  }

  /** Follows the feed until the credential is refused or the signal falls. */
  async #follow(over: AbortSignal): Promise<void> {
    const { state, log } = this.#options;
    let failures = 0;
    while (!over.aborted) {
      const cursor = state.cursor;
      const answer = await this.#client.request({
        method: 'GET',
        path: cursor === null ? '/v1/feed' : `/v1/feed?cursor=${encodeURIComponent(cursor)}`,
        bearer: this.#session?.credential ?? '',
        deadlineMs: FEED_DEADLINE_MS,
        signal: over,
      });
      if (isRefused(answer)) return;
      const page = pageOf(answer);
      if (page !== null && (await this.#take(page))) {
        failures = 0;
        continue;
      }
      if (failures === 0 && !over.aborted) log('warn', 'fleet_feed_failed', describe(answer));
      await this.#pause(failures);
      failures += 1;
    }
  }

  /** Whether the page could be taken in. An idle poll's page is empty and costs nothing. */
  async #take(page: FeedPage): Promise<boolean> {
    const { state, onPage, onHeard, log } = this.#options;
    if (page.messages.length === 0 && !page.snapshot && page.cursor === state.cursor) {
      onHeard?.();
      return true;
    }
    try {
      state.apply(page);
    } catch (error) {
      log('error', 'fleet_page_refused', { cursor: page.cursor, reason: String(error) });
      return false;
    }
    await onPage?.(page);
    this.#doneCursor = page.cursor;
    this.#saveSoon();
    return true;
  }

  async #pause(attempt: number): Promise<void> {
    await wait(backoffMs(attempt, RETRY), this.#stop.signal);
  }

  #saveSoon(): void {
    const { saveDelayMs = SAVE_DELAY_MS } = this.#options;
    const delayMs = Math.max(saveDelayMs, Math.min(SAVE_PAUSES * this.#saveMs, SAVE_DELAY_MAX_MS));
    this.#saveTimer ??= setTimeout(() => void this.#save(), delayMs).unref();
  }

  /** One write at a time; a change during a write has set the timer anew. */
  async #save(): Promise<void> {
    const { state, stateFile, clock, log } = this.#options;
    clearTimeout(this.#saveTimer);
    this.#saveTimer = undefined;
    const startMs = clock.monotonicMs();
    const kept = { privateKey: this.#key(), isEnrolled: this.#isEnrolled, page: state.snapshot() };
    this.#saving = this.#saving
      .then(() => writeNodeState(stateFile, kept))
      .then(() => void (this.#saveMs = clock.monotonicMs() - startMs))
      .catch((error: unknown) => log('error', 'fleet_state_not_saved', { file: stateFile, reason: String(error) }));
    return this.#saving;
  }
}

function describe(answer: ControlAnswer): { reason: string } {
  if (answer.kind === 'unreachable') return { reason: answer.reason };
  const { code } = (answer.body ?? {}) as { readonly code?: string };
  return { reason: `status ${answer.status}${code === undefined ? '' : `, ${code}`}` };
}

/** Resolves after a time or when the signal falls, whichever is first. */
async function wait(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await sleep(Math.max(0, ms), undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

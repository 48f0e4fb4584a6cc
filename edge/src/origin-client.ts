/**
 * What an edge asks of its parents, and in the end of an origin: the timeline, and objects by name. An object that breaks off
 * is taken up where it stopped, from the next who has it, or wherever the stream's origin is by then; it ends whole or not at
 * all.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { type CmafPath, WAIT_LIMIT_MS, formatCmafPath } from '@headwater/protocol/cmaf-path';
import * as header from '@headwater/protocol/headers';
import { parseTimelineChange } from '@headwater/protocol/parse-timeline';
import type { TimelineChange } from '@headwater/protocol/timeline';
import { backoffMs } from '@headwater/service/backoff';
import { Agent, type Dispatcher, buildConnector, request } from 'undici';
import { type Fill, type FillFailure, FILL_FAILURES } from './fill.ts';
import { membersOf } from './http-cache/fields.ts';
import type { PartFacts } from './stored.ts';
import type { Asked, LiveSource, LiveSources } from './upstream/live-sources.ts';
import { DOUBT_DEADLINE_MS } from './upstream/parent-probes.ts';

export type TimelineAnswer =
  | { readonly kind: 'change'; readonly change: TimelineChange; readonly via: readonly string[] }
  | { readonly kind: 'offline' | 'absent' }
  /** told by one who has waited for it long enough */
  | { readonly kind: 'gone'; readonly standing: GoneStanding }
  | { readonly kind: 'unreachable'; readonly cause: unknown };

/** What who asks knows already. */
export interface KnownTimeline {
  readonly since: number | null;
  /** of a stream without a timeline: why there is none */
  readonly standing: string;
}

export const NOTHING_KNOWN: KnownTimeline = { since: null, standing: 'unknown' };

type GoneStanding = (typeof GONE_STANDINGS)[number];

/** How an object's fetch ended; on `whole` the fill holds every byte. */
export type ObjectAnswer =
  | { readonly kind: 'whole'; readonly part: PartFacts | null }
  | { readonly kind: 'failed'; readonly reason: FillFailure };

type ObjectPath = Exclude<CmafPath, { kind: 'timeline' }>;

interface OriginClientOptions {
  readonly sources: Pick<LiveSources, 'of' | 'isOwn'>;
  /** the Unix socket that a host of ours listens on; null for one that is reached by its address */
  readonly socketOf?: (hostname: string) => string | null;
  readonly random: () => number;
  readonly onRetry: (path: string, cause: unknown) => void;
}

const GONE_STANDINGS = ['offline', 'absent', 'unreachable'] as const;

const CONNECT_TIMEOUT_MS = 1_000;
/** The origin lets a request for the future wait; beyond that it is sick. */
const HEAD_TIMEOUT_MS = WAIT_LIMIT_MS + 1_000;
/** A timeline is answered at once to who knows none. */
const PROBE_MS = 500;
/** Two parents that are gone, and the next who is asked. */
const PROBE_TOTAL_MS = 2 * DOUBT_DEADLINE_MS + PROBE_MS;
/** What does not wait begins sooner, from who has to ask in his turn too. */
const DOUBT_AFTER_MS = 500;
/** A growing segment brings a part several times a second. */
const STALL_TIMEOUT_MS = 2_000;
const ATTEMPTS = 4;
const RETRY = { firstMs: 50, maxMs: 400 } as const;
/** Connections to one origin: for timelines, for parts to come, and for what does not wait, so that none starves the others. */
const TIMELINE_CONNECTIONS = 1_024;
const AHEAD_CONNECTIONS = 512;
const OBJECT_CONNECTIONS = 128;
/** A timeline is a few kilobytes a track. */
const TIMELINE_LIMIT_BYTES = 8 * 1024 * 1024;
const PROBLEM_LIMIT_BYTES = 4_096;

export class OriginClient {
  readonly #options: OriginClientOptions;
  readonly #timelines: Agent;
  readonly #ahead: Agent;
  readonly #objects: Agent;

  constructor(options: OriginClientOptions) {
    this.#options = options;
    const connect = connectorOf(options.socketOf);
    this.#timelines = agent(TIMELINE_CONNECTIONS, connect);
    this.#ahead = agent(AHEAD_CONNECTIONS, connect);
    this.#objects = agent(OBJECT_CONNECTIONS, connect);
  }

  /**
   * What changed since a revision; waits where it is asked while nothing has. Everything at once without one. The origin has
   * the last word: a parent may know less than this edge does.
   */
  timeline(stream: string, known: KnownTimeline, signal: AbortSignal): Promise<TimelineAnswer> {
    return this.#askInTurn(stream, (source) => this.#timelineOf(source, stream, { known, signal }));
  }

  /**
   * Whether somebody answers what can be answered at once. Who is gone is left by all that waits for it, and the next is asked;
   * who is there and says nothing is itself left waiting by others.
   */
  probe(stream: string): Promise<TimelineAnswer> {
    const rest = AbortSignal.timeout(PROBE_TOTAL_MS);
    let signal = AbortSignal.timeout(PROBE_MS);
    return this.#askInTurn(stream, async (source) => {
      source.doubt();
      const asked = await this.#timelineOf(source, stream, { known: NOTHING_KNOWN, signal });
      // The next may have to ask in his turn.
      signal = rest;
      return asked;
    });
  }

  async #askInTurn(
    stream: string,
    ask: (source: LiveSource) => Promise<{ readonly answer: TimelineAnswer; readonly isOver: boolean }>,
  ): Promise<TimelineAnswer> {
    let last: TimelineAnswer = { kind: 'offline' };
    for (const source of this.#options.sources.of(stream)) {
      const { answer, isOver } = await ask(source);
      if (answer.kind === 'change' || isOver) return answer;
      if (answer.kind === 'unreachable' && source.kind === 'parent') {
        this.#options.onRetry(formatCmafPath({ kind: 'timeline', stream }), answer.cause);
      }
      last = answer;
    }
    return last;
  }

  /** @returns with whether there is no time left to ask another */
  async #timelineOf(
    source: LiveSource,
    stream: string,
    { known, signal }: { readonly known: KnownTimeline; readonly signal: AbortSignal },
  ): Promise<{ readonly answer: TimelineAnswer; readonly isOver: boolean }> {
    const answer = await source.ask(signal, (each) => this.#askTimeline(source, stream, { known, signal: each }));
    return { answer, isOver: signal.aborted };
  }

  async #askTimeline(
    source: LiveSource,
    stream: string,
    { known, signal }: { readonly known: KnownTimeline; readonly signal: AbortSignal },
  ): Promise<Asked<TimelineAnswer>> {
    const { since } = known;
    const url = `${source.url}${formatCmafPath({ kind: 'timeline', stream })}${queryOf(known, source)}`;
    try {
      const { statusCode, headers, body } = await request(url, {
        dispatcher: this.#timelines,
        headers: source.headers,
        signal,
      });
      requireLength(headers, body);
      const text = await readText(body, TIMELINE_LIMIT_BYTES);
      const standing = GONE_STANDINGS.find((known) => known === headers[header.STANDING]);
      if (standing !== undefined) return { isWell: true, value: { kind: 'gone', standing } };
      if (statusCode === 404) {
        return { isWell: true, value: { kind: text.includes('"stream_offline"') ? 'offline' : 'absent' } };
      }
      if (statusCode !== 200) throw new Error(`timeline answered ${statusCode}`);
      const value = readChange(text, headers[header.TIMELINE_VIA]);
      if (value.kind === 'change') this.#requireNews(value, since);
      return { isWell: true, value };
    } catch (cause) {
      return { isWell: false, value: { kind: 'unreachable', cause } };
    }
  }

  /**
   * @throws Error for a timeline that came through this edge, by parents that ask in a circle, or is older than what is known
   *   here already
   */
  #requireNews({ change, via }: Extract<TimelineAnswer, { kind: 'change' }>, since: number | null): void {
    if (via.some((edge) => this.#options.sources.isOwn(edge))) throw new Error('the parents ask in a circle');
    if (via.length > 0 && since !== null && change.timeline.revision < since) throw new Error('the parent is behind');
  }

  /**
   * Brings an object into a fill, from where the fill stands.
   * @param isAhead it may not be there yet: the request is let wait
   */
  async object(path: ObjectPath, fill: Fill, isAhead: boolean): Promise<ObjectAnswer> {
    const { sources, random, onRetry } = this.#options;
    let answer: ObjectAnswer = { kind: 'failed', reason: 'absent' };
    for (let round = 0; round < ATTEMPTS && !fill.signal.aborted; round += 1) {
      if (round > 0 && !(await pause(backoffMs(round, { ...RETRY, random }), fill.signal))) break;
      // Whoever is left: of what failed just now the breakers know.
      for (const source of sources.of(path.stream)) {
        const asked = await source.ask(fill.signal, (signal) =>
          this.#askObject(source, path, { fill, isAhead, signal }),
        );
        if ('cause' in asked) {
          if (!fill.signal.aborted) onRetry(formatCmafPath(path), asked.cause);
          answer = { kind: 'failed', reason: 'unavailable' };
          continue;
        }
        answer = asked;
        const isFinal = asked.kind === 'whole' || asked.reason !== 'absent' || source.kind === 'origin';
        if (isFinal) return asked;
      }
      if (answer.kind === 'failed' && answer.reason === 'absent') return answer;
    }
    return fill.signal.aborted ? { kind: 'failed', reason: 'unavailable' } : answer;
  }

  /** One request. What is worth another one is a cause. */
  async #askObject(
    source: LiveSource,
    path: ObjectPath,
    { fill, isAhead, signal }: { readonly fill: Fill; readonly isAhead: boolean; readonly signal: AbortSignal },
  ): Promise<Asked<ObjectAnswer | { readonly cause: unknown }>> {
    const haveBytes = fill.filledBytes;
    const doubt = isAhead ? undefined : setTimeout(() => source.doubt(), DOUBT_AFTER_MS);
    try {
      const answer = await request(`${source.url}${formatCmafPath(path)}`, {
        dispatcher: isAhead ? this.#ahead : this.#objects,
        signal,
        // The bytes under a name never change, so the rest of them may come from anywhere.
        headers: { ...source.headers, ...(haveBytes > 0 ? { range: `bytes=${haveBytes}-` } : {}) },
      }).finally(() => clearTimeout(doubt));
      try {
        requireLength(answer.headers, answer.body);
        return { isWell: true, value: await takeIn(answer, path, fill) };
      } finally {
        drop(answer.body);
      }
    } catch (cause) {
      return { isWell: false, value: { cause } };
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#timelines, this.#ahead, this.#objects].map((each) => each.destroy()));
  }
}

/** What a request was answered with goes into the fill, after what it has. Throws what is worth another request. */
async function takeIn(
  { statusCode, headers, body }: Dispatcher.ResponseData,
  path: ObjectPath,
  fill: Fill,
): Promise<ObjectAnswer> {
  const haveBytes = fill.filledBytes;
  const range = headers['content-range'];
  const failure = FILL_FAILURES.find((reason) => reason === headers[header.FILL_FAILURE]);
  if (failure === 'abandoned') throw new Error('the worker that fetched it has stopped');
  if (failure !== undefined) {
    await body.dump();
    return { kind: 'failed', reason: failure };
  }
  if (statusCode === 416 && range === `bytes */${haveBytes}`) {
    await body.dump();
    return { kind: 'whole', part: null };
  }
  if (statusCode !== 200 && statusCode !== 206) {
    const problem = await readText(body, PROBLEM_LIMIT_BYTES);
    if (statusCode === 404) return { kind: 'failed', reason: problem.includes('"too_early"') ? 'too-early' : 'absent' };
    throw new Error(`origin answered ${statusCode}`);
  }
  // RFC 9110 §14.4
  const isRest = statusCode === 206 && typeof range === 'string' && range.startsWith(`bytes ${haveBytes}-`);
  if (statusCode === 206 && !isRest) throw new Error('origin answered another range');
  const skipBytes = isRest ? 0 : haveBytes;
  const length = headers['content-length'];
  const endBytes = length === undefined ? null : Number(length) + haveBytes - skipBytes;
  if (endBytes !== (fill.expectedBytes ?? endBytes)) throw new Error('origin answered another length than before');
  if (endBytes !== null && !fill.expect(endBytes)) return { kind: 'failed', reason: 'too-large' };
  if (!(await pour(body, fill, skipBytes))) return { kind: 'failed', reason: 'too-large' };
  if (endBytes !== null && fill.filledBytes !== endBytes) throw new Error('origin answered another length');
  return { kind: 'whole', part: path.kind === 'part' ? readPartFacts(headers) : null };
}

function queryOf({ since, standing }: KnownTimeline, { tellsStanding }: LiveSource): string {
  if (since !== null) return `?since=${since}`;
  return tellsStanding && GONE_STANDINGS.some((gone) => gone === standing) ? `?standing=${standing}` : '';
}

function readChange(text: string, via: string | string[] | undefined): TimelineAnswer {
  const change = parseTimelineChange(JSON.parse(text));
  if (change === null) throw new TypeError('no timeline');
  return { kind: 'change', change, via: typeof via === 'string' ? membersOf(via) : [] };
}

function agent(connections: number, connect: buildConnector.connector): Agent {
  return new Agent({
    connections,
    pipelining: 1,
    connect,
    headersTimeout: HEAD_TIMEOUT_MS,
    bodyTimeout: STALL_TIMEOUT_MS,
  });
}

function connectorOf(socketOf: OriginClientOptions['socketOf']): buildConnector.connector {
  const byAddress = buildConnector({ timeout: CONNECT_TIMEOUT_MS });
  return (options, callback) => {
    const socketPath = socketOf?.(options.hostname) ?? null;
    if (socketPath === null) return byAddress(options, callback);
    buildConnector({ timeout: CONNECT_TIMEOUT_MS, socketPath })(options, callback);
  };
}

type Body = Dispatcher.ResponseData['body'];

/**
 * RFC 9112 §6.3: without a length only the end of the connection ends a body, and half of it would look like the whole.
 * @throws Error for such a body
 */
function requireLength(headers: Dispatcher.ResponseData['headers'], body: Body): void {
  if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) return;
  drop(body);
  throw new Error('origin gave no length');
}

/** A body that is left alone stays on its connection, and may fail where nobody listens, which ends the process. */
function drop(body: Body): void {
  body.on('error', () => undefined).destroy();
}

/** Appends a body, without its first bytes; false when the object is too large. */
async function pour(body: Body, fill: Fill, skipBytes: number): Promise<boolean> {
  let toSkip = skipBytes;
  for await (const piece of body) {
    const chunk = piece as Buffer;
    const fresh = toSkip === 0 ? chunk : chunk.subarray(Math.min(toSkip, chunk.length));
    toSkip -= chunk.length - fresh.length;
    if (!fill.append(fresh)) return false;
  }
  return true;
}

async function readText(body: Body, limitBytes: number): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of body) {
    bytes += (piece as Buffer).length;
    if (bytes > limitBytes) throw new RangeError(`origin's answer is larger than ${limitBytes} bytes`);
    pieces.push(piece as Buffer);
  }
  return Buffer.concat(pieces, bytes).toString('utf8');
}

function readPartFacts(headers: Record<string, string | string[] | undefined>): PartFacts {
  const durationTicks = Number(headers[header.PART_DURATION]);
  const segmentStartTicks = Number(headers[header.SEGMENT_START]);
  if (!Number.isSafeInteger(durationTicks) || !Number.isSafeInteger(segmentStartTicks)) {
    throw new TypeError('a part came without its duration or start');
  }
  const independent = headers[header.PART_INDEPENDENT] === '1';
  return { durationTicks, independent, last: headers[header.PART_LAST] === '1', segmentStartTicks };
}

async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return sleep(ms, true, { signal }).catch((error: unknown) => {
    if (signal.aborted) return false;
    throw error;
  });
}

/**
 * What edges ask: the life of a request. target → method → stream → (wait, bounded) → answer.
 * Every path ends in an answer or a cut connection; none waits longer than `WAIT_LIMIT_MS`.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { type CmafPath, WAIT_LIMIT_MS, parseCmafPath } from '@headwater/protocol/cmaf-path';
import * as header from '@headwater/protocol/headers';
import type { ProblemCode } from '@headwater/protocol/problem';
import type { TimelineChange } from '@headwater/protocol/timeline';
import type { Clock } from '@headwater/service/clock';
import { sendProblem } from '@headwater/service/problem-response';
import type { ServeEvents } from './events.ts';
import type { Lookup, LiveStream } from './live/stream.ts';
import type { StoredSegment } from './live/track-window.ts';
import { sendBytes, sendGrowing } from './reply.ts';

export interface ServeOptions {
  readonly streams: { get(name: string): LiveStream | undefined };
  /** whether the catalogue has a stream that is not on air here */
  readonly isKnown: (name: string) => boolean;
  readonly isReady: () => boolean;
  readonly metrics: () => string;
  readonly events: ServeEvents;
  /** a reader on whose socket nothing moves for so long is dropped; longer than any wait */
  readonly slowReaderMs: number;
  readonly clock: Clock;
}

/** A longer URL names nothing of ours. */
const MAX_URL_CHARS = 512;
const SINCE = /^since=(\d{1,16})$/;

/** Answers one request; settles when the answer is out or the connection is gone. Never throws. */
export async function serve(request: IncomingMessage, response: ServerResponse, options: ServeOptions): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  response.setTimeout(options.slowReaderMs, () => {
    options.events.slowReaderDropped();
    response.destroy();
  });
  try {
    const code = await route({ request, response, options, signal: gone.signal });
    if (code === null || gone.signal.aborted) return;
    options.events.refused(code);
    sendProblem(response, code, code === 'method_not_allowed' ? { headers: { allow: 'GET, HEAD' } } : {});
  } catch (error) {
    options.events.failed(error);
    sendProblem(response, 'internal');
  }
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly options: ServeOptions;
  readonly signal: AbortSignal;
}

type Answer = Promise<ProblemCode | null>;

/** @returns null when it was answered, else why not */
async function route(exchange: Exchange): Answer {
  const { request, options } = exchange;
  const url = request.url ?? '/';
  if (url.length > MAX_URL_CHARS) return 'uri_too_long';
  if (request.method !== 'GET' && request.method !== 'HEAD') return 'method_not_allowed';
  const [pathname = '', query = ''] = url.split('?', 2);
  if (pathname === '/healthz') return answerText(exchange, 'ok\n');
  if (pathname === '/readyz') return options.isReady() ? answerText(exchange, 'ok\n') : 'not_ready';
  if (pathname === '/metrics')
    return answerText(exchange, options.metrics(), 'text/plain; version=0.0.4; charset=utf-8');
  const path = parseCmafPath(pathname);
  if (path === null) return 'not_found';
  const stream = options.streams.get(path.stream);
  if (stream === undefined) return options.isKnown(path.stream) ? 'stream_offline' : 'stream_not_found';
  switch (path.kind) {
    case 'timeline':
      return answerTimeline(exchange, stream, query);
    case 'init':
      return answerInit(exchange, stream, path);
    case 'segment':
      return answerSegment(exchange, stream, path);
    case 'part':
      return answerPart(exchange, stream, path);
  }
}

async function answerText({ response }: Exchange, body: string, type = 'text/plain; charset=utf-8'): Answer {
  response.writeHead(200, {
    'content-type': type,
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(body),
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
  return null;
}

async function answerTimeline(exchange: Exchange, stream: LiveStream, query: string): Answer {
  const since = query === '' ? null : Number(SINCE.exec(query)?.[1] ?? NaN);
  if (Number.isNaN(since)) return 'bad_request';
  const look = (): Lookup<TimelineChange> => {
    // Half a ladder would be taken for the whole.
    const change = stream.playable || stream.ended ? stream.change(since) : null;
    return change === null ? { kind: 'later' } : { kind: 'found', value: change };
  };
  const found = await waitFor(exchange, { stream, key: 'timeline', look });
  if (found === 'too_many_waiters') return found;
  if (found === 'later' && !stream.playable) return 'stream_offline';
  const change = typeof found === 'string' ? stream.noChange() : found;
  const body = Buffer.from(JSON.stringify(change));
  sendBytes(exchange.response, [body], {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    [header.REVISION]: String(change.timeline.revision),
  });
  exchange.options.events.answered('timeline', body.length);
  return null;
}

async function answerInit(exchange: Exchange, stream: LiveStream, path: CmafPath & { kind: 'init' }): Answer {
  const init = stream.init(path.track, path.epoch);
  if (init === undefined) return stream.hasTrack(path.track) ? 'segment_not_found' : 'track_not_found';
  sendBytes(exchange.response, [init], objectHeaders(path));
  exchange.options.events.answered('init', init.length);
  return null;
}

async function answerPart(exchange: Exchange, stream: LiveStream, path: CmafPath & { kind: 'part' }): Answer {
  if (!stream.hasTrack(path.track)) return 'track_not_found';
  const look = () => stream.part(path);
  const part = await waitFor(exchange, { stream, key: `${path.track}/${path.number}`, look });
  if (typeof part === 'string') return refusal(part);
  const segment = stream.segment(path.track, path.epoch, path.number);
  if (segment.kind !== 'found') return 'segment_not_found';
  sendBytes(exchange.response, [part.data], {
    ...objectHeaders(path),
    [header.PART_DURATION]: String(part.durationTicks),
    [header.PART_INDEPENDENT]: part.independent ? '1' : '0',
    [header.PART_LAST]: part.last ? '1' : '0',
    [header.SEGMENT_START]: String(segment.value.startTicks),
    [header.REVISION]: String(part.revision),
  });
  exchange.options.events.answered('part', part.bytes);
  return null;
}

async function answerSegment(exchange: Exchange, stream: LiveStream, path: CmafPath & { kind: 'segment' }): Answer {
  if (!stream.hasTrack(path.track)) return 'track_not_found';
  const key = `${path.track}/${path.number}`;
  const look = () => stream.segment(path.track, path.epoch, path.number);
  const segment = await waitFor(exchange, { stream, key, look });
  if (typeof segment === 'string') return refusal(segment);
  const { response, options } = exchange;
  const headers = { ...objectHeaders(path), [header.SEGMENT_START]: String(segment.startTicks) };
  if (segment.complete) {
    sendBytes(
      response,
      segment.parts.map(({ data }) => data),
      headers,
    );
    options.events.answered('segment', segment.bytes);
    return null;
  }
  const sentBytes = await sendGrowing(response, headers, growing(exchange, { stream, key, segment }));
  options.events.answered('segment', sentBytes);
  return null;
}

/** The parts of a segment as they come, to its end. Nothing new for `WAIT_LIMIT_MS` breaks the answer off in the open. */
async function* growing(exchange: Exchange, at: { stream: LiveStream; key: string; segment: StoredSegment }) {
  const { stream, key, segment } = at;
  for (let next = 0; ; next += 1) {
    const look = (): Lookup<Uint8Array | null> => {
      const part = segment.parts[next];
      if (part !== undefined) return { kind: 'found', value: part.data };
      return segment.complete || stream.ended ? { kind: 'found', value: null } : { kind: 'later' };
    };
    const data = await waitFor(exchange, { stream, key, look });
    if (typeof data === 'string') throw new Error(`a growing segment broke off: ${data}`);
    if (data === null) return;
    yield data;
  }
}

interface Wait<T> {
  readonly stream: LiveStream;
  /** woken by the stream when there may be news */
  readonly key: string;
  readonly look: () => Lookup<T>;
}

/** Looks, and as long as it may still come, waits and looks again. */
async function waitFor<T>(
  { options, signal }: Exchange,
  wait: Wait<T>,
): Promise<T | 'later' | 'never' | 'too_many_waiters'> {
  const deadlineMs = options.clock.monotonicMs() + WAIT_LIMIT_MS;
  for (;;) {
    const found = wait.look();
    if (found.kind === 'found') return found.value;
    const leftMs = deadlineMs - options.clock.monotonicMs();
    if (found.kind === 'never' || leftMs <= 0 || signal.aborted) return found.kind;
    const woken = wait.stream.waiters.wait(wait.key, leftMs, signal);
    if (woken === null) return 'too_many_waiters';
    await woken;
  }
}

function refusal(found: 'later' | 'never' | 'too_many_waiters'): ProblemCode {
  switch (found) {
    case 'later':
      return 'too_early';
    case 'never':
      return 'segment_not_found';
    case 'too_many_waiters':
      return found;
  }
}

/** The name holds the epoch, so what is under it never changes. */
function objectHeaders(path: Exclude<CmafPath, { kind: 'timeline' }>): Record<string, string> {
  const name =
    path.kind === 'init' ? 'init' : path.kind === 'part' ? `${path.number}.${path.part}` : String(path.number);
  return {
    'content-type': path.track.startsWith('a') ? 'audio/mp4' : 'video/mp4',
    'cache-control': 'public, max-age=31536000, immutable',
    'accept-ranges': 'bytes',
    etag: `"${path.epoch}-${path.track}-${name}"`,
  };
}

/** What an edge tells of itself: one function per thing that happens. Labels are closed sets; detail goes to the log. */

import type { Cmcd } from '@headwater/protocol/cmcd';
import type { ProblemCode } from '@headwater/protocol/problem';
import type { Log } from '@headwater/service/log';
import type { Metrics, Series } from '@headwater/service/metrics';
import { type FillResult, FILL_FAILURES } from './fill.ts';
import { HAND_OVER_REASONS, type HandOverReason } from './hand-over.ts';
import type { PrefetchResult } from './prefetch-queue.ts';
import type { Purged } from './purge.ts';
import type { Resource } from './target.ts';

/** How a request was answered. `declined`: there is no such thing to be had. `left`: the viewer did not stay for the answer. */
export type Outcome = (typeof OUTCOMES)[number];

const KINDS = ['multivariant', 'mpd', 'playlist', 'init', 'segment', 'part', 'ts'] as const;
const OUTCOMES = [
  'hit',
  'miss',
  'joined',
  'blocked',
  'refused',
  'redirected',
  'handed-over',
  'declined',
  'left',
  'failed',
] as const;
const FILL_ENDS = ['stored', ...FILL_FAILURES] as const;
const PREFETCH_RESULTS: readonly PrefetchResult[] = ['fetched', 'failed', 'dropped'];
/** What a player says it plays (CMCD `sf`): MPEG-DASH, HLS, Smooth Streaming, other. */
const FORMATS = ['d', 'h', 's', 'o'] as const;
const BUFFER_BOUNDS_SECONDS = [0.25, 0.5, 1, 2, 4, 8, 16, 32];

/** The gauges that are read when scraped. */
export interface EdgeGauges {
  readonly cacheBytes: () => number;
  readonly cacheObjects: () => number;
  readonly fills: () => number;
  readonly fillBytes: () => number;
  readonly unsentBytes: () => number;
  readonly unsentAnswers: () => number;
  readonly streams: () => number;
  readonly tracksFollowed: () => number;
  readonly waiting: () => number;
  readonly connections: () => number;
}

export type EdgeEvents = ReturnType<typeof createEvents>;

/** The counters, resolved once; counting is then one addition. */
function createCounters(metrics: Metrics) {
  const requestsHelp = 'Requests by what was asked for and how it was answered.';
  return {
    requests: table(KINDS, (kind) =>
      table(OUTCOMES, (outcome) => metrics.counter('headwater_edge_requests_total', requestsHelp, { kind, outcome })),
    ),
    sentBytes: metrics.counter('headwater_edge_sent_bytes_total', 'Body bytes handed to viewers.'),
    misdirected: metrics.counter('headwater_edge_misdirected_total', 'Requests for what no edge has.'),
    purges: metrics.counter('headwater_edge_purges_total', 'Purges carried out.'),
    steered: metrics.counter('headwater_edge_steering_total', 'Steering manifests given out.'),
    fillsStarted: metrics.counter('headwater_edge_fills_started_total', 'Objects fetched or assembled.'),
    fillsJoined: metrics.counter('headwater_edge_fills_joined_total', 'Requests that joined a fill under way.'),
    fillsEnded: table(FILL_ENDS, (result) =>
      metrics.counter('headwater_edge_fills_ended_total', 'Fills by how they ended.', { result }),
    ),
    retries: metrics.counter('headwater_edge_origin_retries_total', 'Fetches that broke off and were tried again.'),
    cut: metrics.counter('headwater_edge_cut_total', 'Answers cut off in the open because their fill failed.'),
    slowReadersCut: metrics.counter(
      'headwater_edge_slow_readers_cut_total',
      'Connections cut off for the memory of what they had not taken.',
    ),
    handedOver: table(HAND_OVER_REASONS, (reason) =>
      metrics.counter('headwater_edge_handed_over_total', 'Viewers sent to a peer, by why.', { reason }),
    ),
    prefetches: table(PREFETCH_RESULTS, (result) =>
      metrics.counter('headwater_edge_prefetches_total', 'Objects fetched before they were asked for.', { result }),
    ),
    players: table(FORMATS, (format) => ({
      told: metrics.counter('headwater_edge_player_reports_total', 'Requests with which a player told of itself.', {
        format,
      }),
      starved: metrics.counter('headwater_edge_player_starvations_total', 'Reports of a buffer that had run empty.', {
        format,
      }),
    })),
    playerBuffers: metrics.histogram(
      'headwater_edge_player_buffer_seconds',
      'Media ahead of the player, as it reported.',
      BUFFER_BOUNDS_SECONDS,
    ),
    turnedBack: metrics.counter('headwater_edge_requests_refused_total', 'Requests above the rate of an address.'),
    turnedAway: metrics.counter('headwater_edge_connections_refused_total', 'Connections above a limit.'),
  };
}

/** The events of one edge, counted in its metrics and written to its log. */
export function createEvents(log: Log, metrics: Metrics) {
  const count = createCounters(metrics);
  return {
    answered(kind: Resource['kind'], outcome: Outcome, bytes: number): void {
      count.requests[kind][outcome].add(1);
      count.sentBytes.add(bytes);
    },
    purged({ id, objects }: Purged): void {
      count.purges.add(1);
      log('info', 'purged', { id, objects });
    },
    steered: (): void => count.steered.add(1),
    misdirected: (): void => count.misdirected.add(1),
    turnedBack: (): void => count.turnedBack.add(1),
    fillStarted(): void {
      count.fillsStarted.add(1);
    },
    fillJoined(): void {
      count.fillsJoined.add(1);
    },
    fillEnded(key: string, result: FillResult): void {
      count.fillsEnded[result.ok ? 'stored' : result.reason].add(1);
      if (!result.ok && result.reason !== 'too-early' && result.reason !== 'abandoned') {
        log('warn', 'fill_failed', { key, reason: result.reason });
      }
    },
    recipeThrew(key: string, error: unknown): void {
      log('error', 'fill_recipe_threw', { key, error: describe(error) });
    },
    originRetried(path: string, cause: unknown): void {
      count.retries.add(1);
      log('warn', 'origin_retried', { path, cause: describe(cause) });
    },
    timelineFailed(stream: string, cause: unknown): void {
      log('warn', 'timeline_failed', { stream, cause: describe(cause) });
    },
    answerCut(key: string): void {
      count.cut.add(1);
      log('warn', 'answer_cut', { key });
    },
    serveThrew(key: string, code: ProblemCode, error: unknown): void {
      log('error', 'serve_threw', {
        key,
        code,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    },
    handedOver: (reason: HandOverReason): void => count.handedOver[reason].add(1),
    prefetchEnded: (result: PrefetchResult): void => count.prefetches[result].add(1),
    /** Whose report it is stands in no label: there are too many of them. */
    playerTold({ tokens, flags, integers }: Pick<Cmcd, 'tokens' | 'flags' | 'integers'>): void {
      const { told, starved } = count.players[FORMATS.find((format) => format === tokens.sf) ?? 'o'];
      told.add(1);
      if (flags.has('bs')) starved.add(1);
      for (const bufferMs of integers.bl ?? []) count.playerBuffers.observe(bufferMs / 1000);
    },
    slowReaderCut: (): void => count.slowReadersCut.add(1),
    connectionRefused: (): void => count.turnedAway.add(1),
    started(ports: { readonly port: number; readonly adminPort: number }): void {
      log('info', 'edge_started', ports);
    },
    gauges: (read: EdgeGauges): void => exposeGauges(metrics, read),
    /** Bytes sent so far; the heartbeat's rate is made of it. */
    sentBytes: (): number => count.sentBytes.get(),
    /** Answers so far, and how many of them failed. */
    answers: (): number => sum(Object.values(count.requests).flatMap((outcomes) => Object.values(outcomes))),
    failures: (): number => sum(Object.values(count.requests).flatMap((one) => [one.failed, one['handed-over']])),
  };
}

function exposeGauges(metrics: Metrics, read: EdgeGauges): void {
  metrics.gaugeFrom('headwater_edge_cache_bytes', 'Bytes in the RAM tier.', read.cacheBytes);
  metrics.gaugeFrom('headwater_edge_cache_objects', 'Objects in the RAM tier.', read.cacheObjects);
  metrics.gaugeFrom('headwater_edge_fills', 'Fills under way.', read.fills);
  metrics.gaugeFrom('headwater_edge_fill_bytes', 'Memory of the fills under way.', read.fillBytes);
  const waiting = 'Answers that wait for their connections to take more.';
  metrics.gaugeFrom('headwater_edge_unsent_answers', waiting, read.unsentAnswers);
  metrics.gaugeFrom('headwater_edge_unsent_bytes', 'Memory of what slow readers alone hold.', read.unsentBytes);
  metrics.gaugeFrom('headwater_edge_streams', 'Streams followed.', read.streams);
  metrics.gaugeFrom('headwater_edge_tracks_followed', 'Tracks whose parts are fetched ahead.', read.tracksFollowed);
  metrics.gaugeFrom('headwater_edge_waiting', 'Requests that wait for something.', read.waiting);
  metrics.gaugeFrom('headwater_edge_connections', 'Viewer connections open.', read.connections);
}

function sum(series: readonly Series[]): number {
  return series.reduce((total, one) => total + one.get(), 0);
}

function table<K extends string, V>(keys: readonly K[], make: (key: K) => V): Readonly<Record<K, V>> {
  return Object.fromEntries(keys.map((key) => [key, make(key)])) as Record<K, V>;
}

function describe(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

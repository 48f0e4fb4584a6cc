/** What the origin tells its operator: one function per observable event, a log line and a metric each. */

import type { ProblemCode } from '@headwater/protocol/problem';
import type { Log } from '@headwater/service/log';
import type { Metrics, Series } from '@headwater/service/metrics';
import type { LadderPlan } from './ladder/plan.ts';

/** Of streams. */
export interface StreamEvents {
  onAir(stream: string, plan: LadderPlan): void;
  offAir(stream: string, reason: string): void;
  publisherReplaced(stream: string): void;
  /** sound other than AAC: silence takes its place */
  soundIgnored(stream: string): void;
  encoderExited(stream: string, reason: string, failures: number): void;
  /** the encoder was too slow for the highest rung */
  rungShed(stream: string, shed: { readonly trackId: string; readonly left: number; readonly behindMs: number }): void;
  epochOpened(stream: string, ordinal: number, reason: 'new' | 'changed'): void;
  /** the ceiling of all streams' media took its oldest segments */
  windowGaveWay(stream: string): void;
  ledgerFailed(error: unknown): void;
  releaseFailed(stream: string, reason: string): void;
}

/** Of answers to edges. */
export interface ServeEvents {
  answered(kind: 'timeline' | 'init' | 'segment' | 'part' | 'other', bytes: number): void;
  refused(code: ProblemCode): void;
  slowReaderDropped(): void;
  /** more connections than may be */
  connectionRefused(): void;
  failed(error: unknown): void;
}

export interface OriginEvents extends StreamEvents, ServeEvents {
  /** to edges since the start */
  sentBytes(): number;
}

export function createEvents(log: Log, metrics: Metrics): OriginEvents {
  const started = metrics.counter('headwater_origin_broadcasts_total', 'Streams that went on air.');
  const exits = metrics.counter('headwater_origin_encoder_exits_total', 'Encoders that ended without being told to.');
  const sheds = metrics.counter('headwater_origin_rungs_shed_total', 'Rungs given up because the encoder fell behind.');
  const epochs = metrics.counter('headwater_origin_epochs_total', 'Epochs opened.');
  const gaveWay = metrics.counter(
    'headwater_origin_windows_shortened_total',
    'Times that a stream lost its oldest segments to the ceiling of all windows.',
  );
  const slow = metrics.counter('headwater_origin_slow_readers_total', 'Readers dropped because they did not read.');
  const full = metrics.counter('headwater_origin_connections_refused_total', 'Connections above the limit.');
  const bytes = seriesBy('kind', (labels) =>
    metrics.counter('headwater_origin_sent_bytes_total', 'Bytes to edges.', labels),
  );
  const answers = seriesBy('kind', (labels) =>
    metrics.counter('headwater_origin_answers_total', 'Answers to edges.', labels),
  );
  const refusals = seriesBy('code', (labels) =>
    metrics.counter('headwater_origin_refusals_total', 'Errors to edges.', labels),
  );
  const ignored = new Set<string>();
  let sentBytes = 0;
  return {
    onAir(stream, plan) {
      started.add(1);
      const rungs = plan.video?.rungs.map(({ width, height }) => `${width}x${height}`).join(' ') ?? 'sound only';
      log('info', 'on_air', { stream, rungs, frameRate: plan.video?.frameRate.join('/'), preset: plan.video?.preset });
    },
    offAir(stream, reason) {
      ignored.delete(stream);
      log('info', 'off_air', { stream, reason });
    },
    publisherReplaced: (stream) => log('info', 'publisher_replaced', { stream }),
    soundIgnored(stream) {
      if (ignored.has(stream)) return;
      ignored.add(stream);
      log('warn', 'sound_ignored', { stream, reason: 'only AAC is taken' });
    },
    encoderExited(stream, reason, failures) {
      exits.add(1);
      log('warn', 'encoder_exited', { stream, reason, failures });
    },
    rungShed(stream, shed) {
      sheds.add(1);
      log('warn', 'rung_shed', { stream, ...shed });
    },
    epochOpened(stream, ordinal, reason) {
      epochs.add(1);
      log('info', 'epoch_opened', { stream, ordinal, reason });
    },
    windowGaveWay(stream) {
      gaveWay.add(1);
      log('debug', 'window_gave_way', { stream });
    },
    ledgerFailed: (error) => log('error', 'ledger_failed', { reason: String(error) }),
    releaseFailed: (stream, reason) => log('warn', 'release_failed', { stream, reason }),
    answered(kind, count) {
      answers(kind).add(1);
      bytes(kind).add(count);
      sentBytes += count;
    },
    sentBytes: () => sentBytes,
    refused: (code) => refusals(code).add(1),
    slowReaderDropped: () => slow.add(1),
    connectionRefused: () => full.add(1),
    failed: (error) => log('error', 'request_failed', { reason: error instanceof Error ? error.stack : String(error) }),
  };
}

/** Series of a label whose values are a closed set, made when first met. */
function seriesBy(label: string, make: (labels: Record<string, string>) => Series): (value: string) => Series {
  const known = new Map<string, Series>();
  return (value) => {
    const series = known.get(value) ?? make({ [label]: value });
    known.set(value, series);
    return series;
  };
}

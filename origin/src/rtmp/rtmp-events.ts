/** What the RTMP ingest tells the operator: one function per observable event, each a log line and a metric. */

import type { ProblemCode } from '@headwater/protocol/problem';
import type { Log } from '@headwater/service/log';
import type { Metrics, Series } from '@headwater/service/metrics';
import type { PublishPacket } from '../publish.ts';
import type { ViolationCode } from './violation.ts';

/** Why somebody was turned away. */
export type RefusalCode =
  | ViolationCode
  | ProblemCode
  | 'connections'
  | 'connections_per_address'
  | 'tls_handshake'
  | 'handshake_deadline'
  | 'publish_deadline'
  | 'unknown_app'
  | 'stream_name'
  | 'play';

/** Why an accepted publish ended. */
export type EndCode =
  'unpublished' | 'disconnected' | 'idle' | 'held_back' | 'ended_by_origin' | 'shutdown' | 'violation';

/** The connection that a line is about. */
export interface Peer {
  readonly connection: number;
  readonly address: string;
  readonly transport: 'rtmp' | 'rtmps';
}

export interface RtmpEvents {
  connectionOpened(peer: Peer): void;
  connectionClosed(peer: Peer, receivedBytes: number): void;
  received(bytes: number): void;
  /** The detail is for the log alone. */
  refused(peer: Peer, code: RefusalCode, detail?: string): void;
  publishStarted(peer: Peer, stream: string): void;
  packetAccepted(kind: PublishPacket['kind']): void;
  publishEnded(peer: Peer, stream: string, end: { code: EndCode; detail?: string }): void;
  heldBack(peer: Peer, stream: string): void;
  /** The live pipeline threw: a failure of ours, not of the publisher's. */
  liveFailed(peer: Peer, error: unknown): void;
}

/** Counts and logs one listener's events. */
export function createRtmpEvents(log: Log, metrics: Metrics): RtmpEvents {
  const connections = metrics.gauge('headwater_rtmp_connections', 'RTMP and RTMPS connections now open.');
  const publishers = metrics.gauge('headwater_rtmp_publishers', 'Accepted publishers now connected.');
  const bytes = metrics.counter('headwater_rtmp_received_bytes_total', 'Bytes received by RTMP, without TLS.');
  const heldBack = metrics.counter('headwater_rtmp_held_back_total', 'Times that a publisher was made to wait.');
  const opened = seriesBy('transport', (labels) =>
    metrics.counter('headwater_rtmp_connections_total', 'Connections accepted.', labels),
  );
  const refused = seriesBy('code', (labels) =>
    metrics.counter('headwater_rtmp_refused_total', 'Connections and publishes refused.', labels),
  );
  const packets = seriesBy('kind', (labels) =>
    metrics.counter('headwater_rtmp_packets_total', 'Messages accepted from publishers.', labels),
  );
  return {
    connectionOpened(peer) {
      connections.add(1);
      opened(peer.transport).add(1);
      log('debug', 'rtmp_connection_opened', { ...peer });
    },
    connectionClosed(peer, receivedBytes) {
      connections.add(-1);
      log('debug', 'rtmp_connection_closed', { ...peer, receivedBytes });
    },
    received: (count) => bytes.add(count),
    refused(peer, code, detail) {
      refused(code).add(1);
      log('warn', 'rtmp_refused', { ...peer, code, detail });
    },
    publishStarted(peer, stream) {
      publishers.add(1);
      log('info', 'publish_started', { ...peer, stream });
    },
    packetAccepted: (kind) => packets(kind).add(1),
    publishEnded(peer, stream, end) {
      publishers.add(-1);
      log('info', 'publish_ended', { ...peer, stream, ...end });
    },
    heldBack(peer, stream) {
      heldBack.add(1);
      log('debug', 'publish_held_back', { ...peer, stream });
    },
    liveFailed: (peer, error) => log('error', 'publish_failed', { ...peer, error: String(error) }),
  };
}

/** Series of a label whose values are a closed set of words, made when first met. */
function seriesBy(label: string, make: (labels: Record<string, string>) => Series): (value: string) => Series {
  const known = new Map<string, Series>();
  return (value) => {
    const series = known.get(value) ?? make({ [label]: value });
    known.set(value, series);
    return series;
  };
}

/** What geo tells of itself: one function per event, each a log line, a metric, or both. */

import type { ProblemCode } from '@headwater/protocol/problem';
import type { Log } from '@headwater/service/log';
import type { Metrics, Series } from '@headwater/service/metrics';

export interface GeoEvents {
  started(port: number, url: string): void;
  /** an address holds as many as it may */
  connectionRefused(): void;
  viewerSent(stream: string, edge: string, distanceKm: number | null): void;
  edgesListed(stream: string): void;
  steered(): void;
  /** a file of places was replaced; null: and read */
  reloaded(file: string, error: unknown): void;
  dnsAnswered(how: 'udp' | 'tcp' | 'limited' | 'malformed'): void;
  /** by its probes */
  edgeJudged(id: string, verdict: string): void;
  /** players of so many networks went elsewhere by themselves */
  edgeLeft(id: string, networks: number): void;
  /** @param uriSigning the CDNI code of a session token's refusal (RFC 9246 §6.4), where there was one */
  viewerRefused(code: ProblemCode, uriSigning: number | undefined): void;
  failed(error: unknown): void;
}

export function createEvents(log: Log, metrics: Metrics): GeoEvents {
  const sent = metrics.counter('headwater_geo_redirects_total', 'Viewers sent to an edge.');
  const listed = metrics.counter('headwater_geo_lists_total', 'Lists of edges given out.');
  const steered = metrics.counter('headwater_geo_steering_total', 'Steering manifests given out.');
  const left = metrics.counter('headwater_geo_edges_left_total', 'Edges that players left by themselves.');
  const connectionsRefused = metrics.counter(
    'headwater_geo_connections_refused_total',
    'Connections of addresses that held as many as they may.',
  );
  const dnsCounter = (how: string): Series =>
    metrics.counter('headwater_geo_dns_total', 'DNS queries, by how they were answered.', { how });
  const dns = {
    udp: dnsCounter('udp'),
    tcp: dnsCounter('tcp'),
    limited: dnsCounter('limited'),
    malformed: dnsCounter('malformed'),
  };
  const failures = metrics.counter('headwater_geo_failures_total', 'Requests that failed by a fault of ours.');
  const refused = new Map<ProblemCode, Series>();
  return {
    started(port, url) {
      log('info', 'geo_started', { port, url });
    },
    connectionRefused() {
      connectionsRefused.add(1);
    },
    viewerSent(stream, edge, distanceKm) {
      sent.add(1);
      log('debug', 'viewer_sent', { stream, edge, distanceKm });
    },
    reloaded(file, error) {
      const reason = error instanceof Error ? error.message : undefined;
      log(error === null ? 'info' : 'error', error === null ? 'places_reloaded' : 'places_unreadable', {
        file,
        reason,
      });
    },
    dnsAnswered(how) {
      dns[how].add(1);
    },
    edgeJudged(id, verdict) {
      log(verdict === 'down' ? 'warn' : 'info', 'edge_judged', { id, verdict });
    },
    edgeLeft(id, networks) {
      left.add(1);
      log('warn', 'edge_left_by_players', { id, networks });
    },
    steered() {
      steered.add(1);
    },
    edgesListed(stream) {
      listed.add(1);
      log('debug', 'edges_listed', { stream });
    },
    viewerRefused(code, uriSigning) {
      const help = 'Viewers turned away, by the code they were given.';
      const series = refused.get(code) ?? metrics.counter('headwater_geo_refusals_total', help, { code });
      refused.set(code, series);
      series.add(1);
      log('debug', 'viewer_refused', { code, 's-uri-signing': uriSigning });
    },
    failed(error) {
      failures.add(1);
      log('error', 'request_failed', {
        reason: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    },
  };
}

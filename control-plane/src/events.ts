/** What the control plane tells the operator: one function for each event, log line and metric together. */

import type { Log } from '@headwater/service/log';
import type { Metrics, Series } from '@headwater/service/metrics';

export interface Events {
  started(port: number, streams: number, nodes: number): void;
  /** of a request that was answered */
  answered(method: string, path: string, status: number): void;
  failed(method: string, path: string, error: unknown): void;
  /** of who is unknown, or known no more */
  bearerRefused(path: string, code: string): void;
  nodeJoined(id: string, role: string, url: string): void;
  nodeRefused(id: string, reason: string): void;
  nodeAdmitted(id: string): void;
  nodeRemoved(id: string): void;
  joinTokenMade(id: string, role: string): void;
  registryTrouble(what: string, error: unknown): void;
  purgeOrdered(id: string): void;
  configRolled(scope: string, version: number, sharePercent: number): void;
  /** a canary was given to all, or taken back */
  configJudged(scope: string, version: number, verdict: string): void;
  streamCreated(name: string): void;
  streamDeleted(name: string): void;
  zoneChanged(name: string, what: 'created' | 'replaced' | 'deleted'): void;
  claimMoved(stream: string, from: string | null, to: string | null, why: string): void;
  publishRefused(stream: string, origin: string, code: string): void;
  revoked(kind: 'session' | 'stream' | 'zone', name: string): void;
  keyRotated(kid: string): void;
  /** the state's store went away, or is there again */
  storeChanged(available: boolean, reason: string): void;
  backgroundFailed(task: string, error: unknown): void;
}

export function createEvents(log: Log, metrics: Metrics): Events {
  const byClass = answerCounters(metrics);
  const unavailable = metrics.gauge(
    'headwater_control_store_unavailable',
    '1 while the store of the state does not answer.',
  );
  return {
    started: (port, streams, nodes) => log('info', 'started', { port, streams, nodes }),
    answered(method, path, status) {
      byClass[Math.floor(status / 100)]?.add(1);
      log('debug', 'answered', { method, path, status });
    },
    failed: (method, path, error) => log('error', 'request_failed', { method, path, error: describe(error) }),
    bearerRefused: (path, code) => log('warn', 'bearer_refused', { path, code }),
    nodeJoined: (id, role, url) => log('info', 'node_joined', { id, role, url }),
    nodeRefused: (id, reason) => log('warn', 'node_refused', { id, reason }),
    nodeAdmitted: (id) => log('info', 'node_admitted', { id }),
    nodeRemoved: (id) => log('info', 'node_removed', { id }),
    joinTokenMade: (token, role) => log('info', 'join_token_made', { token, role }),
    registryTrouble: (what, error) => log('warn', 'registry_trouble', { what, reason: reasonOf(error) }),
    purgeOrdered: (purge) => log('info', 'purge_ordered', { purge }),
    configRolled: (scope, version, sharePercent) => log('info', 'config_rolled', { scope, version, sharePercent }),
    configJudged: (scope, version, verdict) => log('warn', 'config_judged', { scope, version, verdict }),
    streamCreated: (stream) => log('info', 'stream_created', { stream }),
    streamDeleted: (stream) => log('info', 'stream_deleted', { stream }),
    zoneChanged: (zone, what) => log('info', `zone_${what}`, { zone }),
    claimMoved: (stream, from, to, why) => log('info', 'claim_moved', { stream, from, to, why }),
    publishRefused: (stream, origin, code) => log('warn', 'publish_refused', { stream, origin, code }),
    revoked: (kind, name) => log('info', 'revoked', { [kind]: name }),
    keyRotated: (kid) => log('info', 'path_key_rotated', { kid }),
    storeChanged(available, reason) {
      unavailable.set(available ? 0 : 1);
      log(available ? 'info' : 'error', available ? 'store_available' : 'store_unavailable', { reason });
    },
    backgroundFailed: (task, error) => log('error', 'background_failed', { task, error: describe(error) }),
  };
}

function answerCounters(metrics: Metrics): readonly (Series | undefined)[] {
  const classes = ['2xx', '3xx', '4xx', '5xx'];
  const series = classes.map((status) =>
    metrics.counter('headwater_control_requests_total', 'Requests answered, by class of status.', { status }),
  );
  return [undefined, undefined, ...series];
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

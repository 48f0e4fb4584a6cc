/** What the viewers' port tells of itself. */

import type { Log } from '@headwater/service/log';
import type { Metrics } from '@headwater/service/metrics';

export interface FrontEvents {
  certificateReloaded(expiresMs: number): void;
  certificateRejected(error: unknown): void;
}

export function createFrontEvents(log: Log, metrics: Metrics): FrontEvents {
  const help = 'Certificates read anew, by what came of it.';
  const [taken, rejected] = ['taken', 'rejected'].map((result) =>
    metrics.counter('headwater_edge_certificate_reloads_total', help, { result }),
  );
  return {
    certificateReloaded(expiresMs) {
      taken?.add(1);
      log('info', 'certificate_reloaded', { expires: new Date(expiresMs).toISOString() });
    },
    certificateRejected(error) {
      rejected?.add(1);
      log('error', 'certificate_rejected', { error: error instanceof Error ? error.message : String(error) });
    },
  };
}

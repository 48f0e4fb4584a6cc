/** What is told of people: one function for each event, log line and metric together. */

import type { Log } from '@headwater/service/log';
import type { Metrics, Series } from '@headwater/service/metrics';
import type { AuditEntry } from './audit-chain.ts';

export interface PeopleEvents {
  /** of a log-in that was looked at, or refused before that */
  login(outcome: LoginResult): void;
  /** an entry of the audit log is kept: the line is what remains of it when the log is trimmed */
  audited(entry: AuditEntry): void;
  auditTrouble(error: unknown): void;
  /** secrets of second factors were sealed under a key that this replica does not have */
  sealingKeyDiffers(): void;
}

const LOGIN_RESULTS = ['ok', 'refused', 'throttled', 'busy'] as const;
export type LoginResult = (typeof LOGIN_RESULTS)[number];

const ALERTS = ['new_place', 'many_failures', 'refresh_reused'] as const;

export function createPeopleEvents(log: Log, metrics: Metrics): PeopleEvents {
  const logins = seriesOf(LOGIN_RESULTS, (outcome) =>
    metrics.counter('headwater_control_logins_total', 'Log-ins, by what became of them.', { outcome }),
  );
  const alerts = seriesOf(ALERTS, (alert) =>
    metrics.counter('headwater_control_login_alerts_total', 'Log-ins that somebody should look at.', { alert }),
  );
  const trouble = metrics.counter('headwater_control_audit_trouble_total', 'Failures to write the audit log.');
  return {
    login: (outcome) => logins[outcome].add(1),
    audited({ seq, hash, who, action, target, outcome, address, requestId, alert }) {
      const deed = { who: who.name, kind: who.kind, role: who.role, via: who.via, action, target, outcome };
      log(alert === null ? 'info' : 'warn', alert === null ? 'audit' : 'alert', {
        seq,
        hash,
        ...deed,
        address,
        requestId,
        ...(alert === null ? {} : { alert }),
      });
      if (alert !== null) alerts[alert].add(1);
    },
    auditTrouble(error) {
      trouble.add(1);
      log('error', 'audit_trouble', { reason: error instanceof Error ? error.message : String(error) });
    },
    sealingKeyDiffers: () => log('error', 'sealing_key_differs', { variable: 'HEADWATER_SECRETS_KEY' }),
  };
}

function seriesOf<T extends string>(names: readonly T[], make: (name: T) => Series): Readonly<Record<T, Series>> {
  return Object.fromEntries(names.map((name) => [name, make(name)])) as Record<T, Series>;
}

/** The entries of the audit log, and how each holds the hash of the one before. */

import { createHash } from 'node:crypto';

/** Who did it. `nobody`: a log-in that failed; `system`: the control plane by itself. */
export interface Actor {
  readonly kind: 'root' | 'person' | 'key' | 'node' | 'nobody' | 'system';
  readonly name: string;
  readonly role: string | null;
  /** id of the session or API key */
  readonly via: string | null;
}

export type AuditFacts = Readonly<Record<string, string | number | boolean | null>>;

/** What is told of one deed. */
export interface AuditEvent {
  readonly atMs: number;
  readonly who: Actor;
  /** a stable name, such as `POST /v1/streams/{stream}` or `login` */
  readonly action: string;
  /** what it was done to: a path, or a name */
  readonly target: string;
  /** `done`, `replayed` for an answer that was given before, or the code of the refusal */
  readonly outcome: string;
  readonly address: string | null;
  readonly requestId: string | null;
  /** somebody should look */
  readonly alert: Alert | null;
  readonly facts: AuditFacts;
}

export type Alert = 'new_place' | 'many_failures' | 'refresh_reused';

/** An entry as it is kept. */
export interface AuditEntry extends AuditEvent {
  /** 1 for the first; without gaps */
  readonly seq: number;
  /** hash of the entry before; of the first: {@link GENESIS} */
  readonly previous: string;
  readonly hash: string;
}

/** The last entry of a chain, or the one that was trimmed last. */
export interface Link {
  readonly seq: number;
  readonly hash: string;
}

export const GENESIS: Link = { seq: 0, hash: 'genesis' };

/** The entry that follows. */
export function linked(event: AuditEvent, { seq, hash: previous }: Link): AuditEntry {
  const body = { ...event, seq: seq + 1, previous };
  return { ...body, hash: hashOf(body) };
}

/** Whether an entry is what was written after the one before. */
export function follows(entry: AuditEntry, { seq, hash }: Link): boolean {
  return entry.seq === seq + 1 && entry.previous === hash && entry.hash === hashOf(entry);
}

/** Over the values in a fixed order, so that no store's order of fields counts. */
function hashOf(entry: Omit<AuditEntry, 'hash'>): string {
  const { seq, previous, atMs, who, action, target, outcome, address, requestId, alert } = entry;
  const facts = Object.entries(entry.facts).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const what = [action, target, outcome, address, requestId, alert, facts];
  const text = JSON.stringify([seq, previous, atMs, who.kind, who.name, who.role, who.via, ...what]);
  return createHash('sha256').update(text).digest('base64url');
}

/** Who asks, and whether they may. */

import type { ProblemCode } from '@headwater/protocol/problem';
import { PERMISSIONS, type Permission, type Role, SENSITIVE } from './roles.ts';

/** Names of streams, or of all that begin alike: `sports-*`. Null: every stream. */
export type StreamScope = readonly string[] | null;

interface Standing {
  readonly name: string;
  readonly role: Role;
  readonly streams: StreamScope;
}

/** Who has the admin token: whoever can read the control plane's configuration or data directory. */
export interface Root extends Standing {
  readonly kind: 'root';
}

export interface Person extends Standing {
  readonly kind: 'person';
  /** id of the session */
  readonly session: string;
  /** when the session last showed a second factor; null: never */
  readonly factorAtMs: number | null;
  /** the password was given by somebody else and must be changed before anything else */
  readonly mustChangePassword: boolean;
}

/** A program, by an API key. */
interface Program extends Standing {
  readonly kind: 'key';
  readonly id: string;
  /** it may do what people show a second factor for */
  readonly sensitive: boolean;
}

export type Principal = Root | Person | Program;

/** The same for a person in every session. */
export function principalId(principal: Principal): string {
  return `${principal.kind}:${principal.kind === 'key' ? principal.id : principal.name}`;
}

/** Of room that all share: a busy program leaves some for people, and those for root. */
const SHARE: Readonly<Record<Principal['kind'], number>> = { key: 0.8, person: 0.9, root: 1 };

/** Up to where a principal may fill what has so much room. */
export function roomFor({ kind }: Principal, limit: number): number {
  return Math.ceil(limit * SHARE[kind]);
}

export const ROOT: Root = { kind: 'root', name: 'root', role: 'admin', streams: null };

/** A second factor that was shown within this time counts for what is sensitive. */
export const FRESH_MS = 5 * 60_000;

export interface Refusal {
  readonly code: ProblemCode;
  readonly detail: string;
}

/** Why a principal may not; null: it may. */
export function refusalOf(principal: Principal, permission: Permission, nowMs: number): Refusal | null {
  if (permission === 'own') {
    return principal.kind === 'person' ? null : { code: 'forbidden', detail: 'this is for people who are logged in' };
  }
  if (principal.kind === 'person' && principal.mustChangePassword) {
    return { code: 'password_change_required', detail: 'the password was given by somebody else: change it first' };
  }
  if (!PERMISSIONS[principal.role].includes(permission)) {
    return { code: 'forbidden', detail: `wants ${permission}, which ${principal.role} does not have` };
  }
  return SENSITIVE.has(permission) ? sensitivityRefusal(principal, permission, nowMs) : null;
}

function sensitivityRefusal(principal: Principal, permission: Permission, nowMs: number): Refusal | null {
  switch (principal.kind) {
    case 'root':
      return null;
    case 'key':
      if (principal.sensitive) return null;
      return { code: 'key_not_sensitive', detail: `${permission} wants a person, or a key made for it` };
    case 'person': {
      const { factorAtMs } = principal;
      const isFresh = factorAtMs !== null && nowMs - factorAtMs < FRESH_MS;
      return isFresh ? null : { code: 'step_up_required', detail: `${permission} wants the second factor again` };
    }
  }
}

/** Whether a stream is among those that a principal is for. */
export function coversStream({ streams }: Pick<Standing, 'streams'>, stream: string): boolean {
  if (streams === null) return true;
  return streams.some((scope) => (scope.endsWith('*') ? stream.startsWith(scope.slice(0, -1)) : stream === scope));
}

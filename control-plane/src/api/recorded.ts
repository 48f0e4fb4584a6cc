/** The one way that what people and programs change comes into the audit log: around every route that is not a GET. */

import { PROBLEM_MEDIA_TYPE } from '@headwater/protocol/problem';
import { problemResponse } from '@headwater/service/problem-response';
import type { Actor, AuditFacts } from '../people/audit-chain.ts';
import type { People } from '../people/people.ts';
import type { Principal } from '../people/principal.ts';
import { StoreUnavailable } from '../state/store.ts';
import type { ApiContext, Operation } from './operation.ts';

/** What is told of a body: names and numbers, no secret. Whatever is not named here stays out. */
const TOLD = new Set([
  'name',
  'label',
  'role',
  'streams',
  'sensitive',
  'disabled',
  'secondFactor',
  'stream',
  'session',
  'policy',
  'iss',
  'alg',
  'zone',
  'path',
  'scope',
  'version',
  'sharePercent',
  'draining',
  'ttlSeconds',
  'ip',
  'url',
  'prefix',
  'tag',
  'all',
  'soft',
  'hosts',
  'pathPrefix',
  'origins',
]);
/** Of these only that they were given. */
const HIDDEN = new Set(['password']);
const TEXT_LIMIT = 300;

/** Whether the log hears of a route. */
export function isRecorded({ method, audit }: Operation): boolean {
  return method !== 'GET' && audit === undefined;
}

/** Carries a request out, and tells of it before it is answered; nothing is done that could not be told. */
export async function recorded(
  context: ApiContext,
  operation: Operation,
  people: People,
  carryOut: () => Promise<Response>,
): Promise<Response> {
  if (people.audit.isFull) return problemResponse('audit_unavailable');
  try {
    const response = await carryOut();
    // What was made is named by where it is.
    const target = response.headers.get('location') ?? context.req.path;
    await tell(context, operation, people, { outcome: await outcomeOf(response), target });
    return response;
  } catch (error) {
    const outcome = error instanceof StoreUnavailable ? 'state_unavailable' : 'internal';
    await tell(context, operation, people, { outcome });
    throw error;
  }
}

async function tell(
  context: ApiContext,
  { method, path }: Operation,
  { audit, clock }: People,
  { outcome, target = context.req.path }: { readonly outcome: string; readonly target?: string },
): Promise<void> {
  const asked = context.get('asked');
  const who = actorOf(context, asked, outcome);
  if (who === null) return;
  const facts = factsOf(asked);
  await audit.append({
    atMs: Math.floor(clock.nowMs()),
    who,
    action: `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`,
    target: target.slice(0, TEXT_LIMIT),
    outcome,
    address: context.get('address'),
    requestId: context.get('requestId'),
    alert: null,
    facts,
  });
}

/** Null for a node that was refused: whoever can reach us could fill the log with those. */
function actorOf(context: ApiContext, asked: unknown, outcome: string): Actor | null {
  const principal = context.get('principal') as Principal | undefined;
  if (principal !== undefined) return actor(principal);
  const { node } = (asked ?? {}) as { readonly node?: { readonly id: string; readonly role: string } };
  if (outcome !== 'done' || node === undefined) return null;
  return { kind: 'node', name: node.id, role: node.role, via: null };
}

function actor(principal: Principal): Actor {
  const { kind, name, role } = principal;
  switch (kind) {
    case 'root':
      return { kind, name, role, via: null };
    case 'person':
      return { kind, name, role, via: principal.session };
    case 'key':
      return { kind, name, role, via: principal.id };
  }
}

async function outcomeOf(response: Response): Promise<string> {
  if (response.ok) return response.headers.has('idempotent-replayed') ? 'replayed' : 'done';
  if (response.headers.get('content-type') !== PROBLEM_MEDIA_TYPE) return String(response.status);
  return ((await response.clone().json()) as { readonly code: string }).code;
}

function factsOf(asked: unknown): AuditFacts {
  if (asked === null || typeof asked !== 'object') return {};
  const facts = Object.entries(asked).flatMap(([name, value]): [string, AuditFacts[string]][] => {
    if (HIDDEN.has(name) && value !== null) return [[name, 'given']];
    return TOLD.has(name) && value !== undefined ? [[name, factOf(value)]] : [];
  });
  return Object.fromEntries(facts);
}

function factOf(value: unknown): string | number | boolean | null {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return value;
  return (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, TEXT_LIMIT);
}

/** /v1/audit: who did what. It is read here; nothing changes it. */

import { z } from 'zod';
import { type Route, route } from '../api/operation.ts';
import { PAGE, sendPage } from '../api/pages.ts';
import type { AuditEntry } from '../people/audit-chain.ts';
import type { Services } from '../services.ts';

const ENTRY = z
  .strictObject({
    seq: z.int().describe('without gaps'),
    at: z.iso.datetime(),
    who: z.strictObject({
      kind: z.enum(['root', 'person', 'key', 'node', 'nobody', 'system']),
      name: z.string(),
      role: z.string().nullable(),
      via: z.string().nullable().describe('id of the session or API key'),
    }),
    action: z.string(),
    target: z.string(),
    outcome: z.string().describe('`done`, `replayed` for an answer that was given before, or the code of the refusal'),
    address: z.string().nullable(),
    requestId: z.string().nullable().describe('as the answer’s X-Request-Id said'),
    alert: z.enum(['new_place', 'many_failures', 'refresh_reused']).nullable(),
    facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
    previous: z.string().describe('hash of the entry before'),
    hash: z.string(),
  })
  .meta({ id: 'AuditEntry' });

const LINK = z.strictObject({ seq: z.int(), hash: z.string() });
const VERDICT = z
  .strictObject({
    entries: z.int().describe('so many were looked at and are whole'),
    from: LINK.describe('what was trimmed last'),
    head: LINK,
    brokenAt: z.int().nullable().describe('the first entry that is not what was written'),
  })
  .meta({ id: 'AuditVerdict' });

export function auditRoutes({ people }: Services): Route[] {
  const list = route(
    {
      id: 'listAudit',
      method: 'GET',
      path: '/v1/audit',
      tag: 'audit',
      access: 'audit.read',
      summary: 'Who did what, the newest first.',
      query: PAGE,
      tagged: true,
      answers: { 200: z.strictObject({ entries: z.array(ENTRY) }) },
    },
    async (context, { query }) =>
      sendPage(context, query, {
        name: 'entries',
        load: ({ after, limit }) => people.audit.page(after === '' ? Infinity : Math.floor(Number(after)), limit),
        idOf: ({ seq }) => String(seq),
        describe,
      }),
  );

  const verify = route(
    {
      id: 'verifyAudit',
      method: 'GET',
      path: '/v1/audit/verification',
      tag: 'audit',
      access: 'audit.read',
      summary: 'Whether every entry is what was written, by the hashes that chain them.',
      answers: { 200: VERDICT },
    },
    async (context) => context.json(await people.audit.verify()),
  );

  return [list, verify];
}

function describe({ atMs, ...entry }: AuditEntry): z.output<typeof ENTRY> {
  return { ...entry, at: new Date(atMs).toISOString() };
}

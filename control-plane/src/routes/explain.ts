/** /v1/explain: which edge a viewer is sent to, and why. A geo knows; it is asked in the operator's place. */

import { isIP } from 'node:net';
import { EXPLAIN_PATH, type ExplainQuestion, signExplainQuestion } from '@headwater/protocol/explanation';
import { problemResponse } from '@headwater/service/problem-response';
import { z } from 'zod';
import { type Route, route } from '../api/operation.ts';
import { PLACE } from '../node-schema.ts';
import type { Services } from '../services.ts';
import { RULE } from '../settings-schema.ts';
import { STREAM_NAME } from '../stream-schema.ts';

const DEADLINE_MS = 2_000;
/** So many geos are asked, one after the other. */
const TRIES = 3;

const QUESTION = z.object({
  ip: z
    .string()
    .refine((text) => isIP(text) !== 0, 'wants an IPv4 or IPv6 address')
    .describe("the viewer's address"),
  stream: STREAM_NAME,
});

const EXPLANATION = z
  .strictObject({
    stream: STREAM_NAME,
    geo: z.string().describe('the node that answers: another one may see the edges otherwise'),
    viewer: z.strictObject({
      address: z.string(),
      place: PLACE.nullable(),
      country: z.string().nullable(),
      asn: z.int().nullable(),
      source: z.string().describe('what it was located by'),
    }),
    rule: RULE.nullable().describe("the policy's rule that fits the viewer"),
    edges: z
      .array(
        z.strictObject({
          rank: z.int().min(1),
          id: z.string(),
          url: z.string(),
          zone: z.string(),
          failureDomain: z.string(),
          condition: z.string(),
          distanceKm: z.number().nullable(),
          load: z.number(),
          reasons: z.array(z.string()),
          notTaken: z.string().nullable().describe('why it is not the first; null for that one'),
        }),
      )
      .describe('best first'),
  })
  .meta({ id: 'Explanation' });

export function explainRoutes(services: Services): Route[] {
  const explain = route(
    {
      id: 'explain',
      method: 'GET',
      path: '/v1/explain',
      tag: 'viewers',
      access: 'node.read',
      summary: 'Where a viewer is taken to be, and how every edge ranks for it, with the reasons.',
      query: QUESTION,
      answers: { 200: EXPLANATION },
      problems: ['stream_not_found', 'no_geo', 'upstream_failed'],
    },
    async (context, { query: { ip: address, stream } }) => {
      if ((await services.state.stream(stream)) === null) return problemResponse('stream_not_found');
      const geos = geosOf(services);
      if (geos.length === 0) return problemResponse('no_geo', { detail: 'no geo is healthy' });
      for (const url of geos) {
        const explanation = await ask(url, { address, stream }, services);
        if (explanation !== null) return context.json(explanation);
      }
      return problemResponse('upstream_failed', { detail: 'no geo answers' });
    },
  );

  return [explain];
}

function geosOf({ fleet }: Services): string[] {
  const geos = fleet.members().filter(({ record }) => record.role === 'geo' && record.healthy && !record.draining);
  return geos.slice(0, TRIES).map(({ record }) => record.url);
}

/** Null where no such answer comes. */
async function ask(
  url: string,
  question: ExplainQuestion,
  { signer, clock }: Services,
): Promise<z.output<typeof EXPLANATION> | null> {
  const authorization = `Bearer ${signExplainQuestion(question, signer, clock.nowMs())}`;
  try {
    const answer = await fetch(url + EXPLAIN_PATH, {
      headers: { authorization },
      redirect: 'error',
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    const parsed = EXPLANATION.safeParse(await answer.json());
    return parsed.success ? parsed.data : null;
  } catch {
    // Unreachable, too late, or not JSON: the next geo is asked.
    return null;
  }
}

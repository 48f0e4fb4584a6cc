/**
 * ★ The life of a fetch for a pull zone: refuse a loop, rank whom to ask, ask. What is asked of an origin and of a parent
 * differs in the Host alone: a parent must know the zone by what the viewer asked for.
 */

import { LAST_PURGE, NODE_PASS, PARENT_TRY } from '@headwater/protocol/headers';
import type { Clock } from '@headwater/service/clock';
import { type FieldList, valueOf, without } from '../http-cache/fields.ts';
import { BODY_DEADLINE_MS } from '../slow-bodies.ts';
import { FetchRun, type RunContext } from './fetch-run.ts';
import { HttpClient, type HttpClientLimits } from './http-client.ts';
import { LatencyWindow } from './latency-window.ts';
import { isLooping, outgoingFields } from './outgoing-fields.ts';
import type { Parents } from './parents.ts';
import type { Target } from './targets.ts';
import { TokenBucket, shareOfBudget } from './token-bucket.ts';
import type { UpstreamEvents } from './upstream-events.ts';
import type { UpstreamFetch, UpstreamHandler } from './upstream-handler.ts';

export interface UpstreamRequest {
  readonly zone: { readonly name: string; readonly origins: readonly string[] };
  readonly method: string;
  /** origin-form, with its query */
  readonly path: string;
  /** end-to-end fields only, with `X-Forwarded-Host` where the zone names hosts */
  readonly fields: FieldList;
  readonly body: AsyncIterable<Uint8Array> | null;
  /** what the choice of a target is made by */
  readonly key: string;
  readonly isIdempotent: boolean;
}

interface UpstreamOptions {
  readonly nodeId: string;
  /** how many processes ask for this node */
  readonly workers: number;
  readonly parents: Parents;
  readonly limits: HttpClientLimits;
  readonly clock: Clock;
  readonly events: UpstreamEvents;
}

/** A tenth more requests at most when things fail, and a few a second where there are few. */
const RETRIES = { ratio: 0.1, perSecond: 10, most: 100 };
/** At most a twentieth more. */
const HEDGES = { ratio: 0.05, perSecond: 0, most: 5 };
const HEDGE_QUANTILE = 0.95;
/** A parent asks an origin in its turn, and waits for it. */
const PARENT_EXTRA_MS = 1_000;
const FORWARDED_HOST = 'x-forwarded-host';
/** Between nodes alone; a viewer's own mean nothing. */
const FOR_PARENTS: ReadonlySet<string> = new Set([NODE_PASS, LAST_PURGE, PARENT_TRY]);
const FOR_ORIGINS: ReadonlySet<string> = new Set([FORWARDED_HOST, ...FOR_PARENTS]);

export class UpstreamClient {
  readonly #options: UpstreamOptions;
  readonly #http: HttpClient;
  readonly #context: RunContext;
  readonly #runs = new Set<FetchRun>();

  constructor(options: UpstreamOptions) {
    const { clock, events, limits, parents, workers } = options;
    this.#options = options;
    this.#http = new HttpClient(limits);
    this.#context = {
      clock,
      events,
      retries: new TokenBucket(shareOfBudget(RETRIES, workers), clock),
      hedges: new TokenBucket(shareOfBudget(HEDGES, workers), clock),
      latency: new LatencyWindow(HEDGE_QUANTILE),
      headTotalMs: limits.headMs * 2 + PARENT_EXTRA_MS,
    };
    parents.onDown((parent) => this.#leave(parent));
  }

  fetch(request: UpstreamRequest, handler: UpstreamHandler): UpstreamFetch {
    const isLoop = isLooping(request.fields, this.#options.nodeId);
    const isRepeatable = request.isIdempotent && request.body === null;
    const uploadMs = request.body === null ? 0 : BODY_DEADLINE_MS;
    const run: FetchRun = new FetchRun({
      ...this.#context,
      headTotalMs: this.#context.headTotalMs + uploadMs,
      candidates: isLoop ? [] : this.#options.parents.targets.candidates(request.key, request.zone.origins),
      path: request.path,
      isRepeatable,
      mayHedge: isRepeatable,
      handler,
      send: (target, each, reason) => this.#send(target, request, each, reason === 'hedge'),
      onOver: () => this.#runs.delete(run),
    });
    this.#context.retries.earn();
    this.#runs.add(run);
    queueMicrotask(() => (isLoop ? run.refuse('loop', 'the request has been here') : run.start()));
    return run;
  }

  /** Ends everything that is under way with `aborted`. */
  close(): void {
    for (const run of this.#runs) run.abort();
    this.#http.close();
  }

  #send(target: Target, request: UpstreamRequest, handler: UpstreamHandler, isHedge: boolean): UpstreamFetch {
    const { nodeId, limits, parents } = this.#options;
    const { host } = new URL(target.url);
    const isParent = target.kind === 'parent';
    const given = without(request.fields, isParent ? FOR_ORIGINS : FOR_PARENTS);
    const shown = isParent ? (valueOf(request.fields, FORWARDED_HOST) ?? host) : host;
    const fields = outgoingFields(given, { nodeId, host: shown });
    if (isParent) fields.push(...parents.fieldsFor('zone'), PARENT_TRY, isHedge ? 'hedge' : 'first');
    const headMs = limits.headMs + (isParent ? PARENT_EXTRA_MS : 0);
    return this.#http.fetch(target.url, { ...request, fields }, handler, { headMs });
  }

  #leave(parent: Target): void {
    for (const run of this.#runs) run.leave(parent);
  }
}

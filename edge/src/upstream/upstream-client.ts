/** ★ The life of a fetch for a pull zone: refuse a loop, choose whom to ask, ask. */

import { HttpClient, type HttpClientLimits } from './http-client.ts';
import { isLooping, outgoingFields } from './outgoing-fields.ts';
import type { FieldList, UpstreamFetch, UpstreamHandler } from './upstream-handler.ts';

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

export class UpstreamClient {
  readonly #nodeId: string;
  readonly #http: HttpClient;

  constructor({ nodeId, limits }: { readonly nodeId: string; readonly limits: HttpClientLimits }) {
    this.#nodeId = nodeId;
    this.#http = new HttpClient(limits);
  }

  fetch(request: UpstreamRequest, handler: UpstreamHandler): UpstreamFetch {
    if (isLooping(request.fields, this.#nodeId)) return refuse(handler);
    const target = request.zone.origins[0] as string;
    const fields = outgoingFields(request.fields, { nodeId: this.#nodeId, host: new URL(target).host });
    return this.#http.fetch(target, { ...request, fields }, handler);
  }

  close(): void {
    this.#http.close();
  }
}

function refuse(handler: UpstreamHandler): UpstreamFetch {
  let isOver = false;
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    handler.onError({ code: 'loop', detail: 'the request has been here', bytesReceived: 0, isRetryable: false });
  };
  queueMicrotask(end);
  return { resume: () => undefined, abort: end };
}

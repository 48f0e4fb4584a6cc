/** What a player says that it will ask for next (CMCD `nor`, CTA-5004) is on its way in before it does. */

import { type Cmcd, readCmcd } from '@headwater/protocol/cmcd';
import { stripSigningPackage } from '@headwater/protocol/signing-package';
import { without } from '../http-cache/fields.ts';
import { PrefetchQueue, type PrefetchResult } from '../prefetch-queue.ts';
import { type PrefetchTarget, prefetchTargetsOf } from '../prefetch-targets.ts';
import type { ViewerRequest } from '../viewer-exchange.ts';
import type { Ask } from './ask.ts';
import { CONDITIONS_AND_RANGE } from './fetching.ts';
import { readRequestTarget } from './request-target.ts';
import { keyOf } from './zone-key.ts';
import { type ZoneDesk, dismiss } from './zone-desk.ts';

interface NamedNextOptions {
  readonly desk: ZoneDesk;
  /** at once, and waiting; 0: nothing is fetched ahead */
  readonly limit: number;
  readonly withinMs: number;
  readonly onEnded: (result: PrefetchResult) => void;
}

export class NamedNext {
  readonly #options: NamedNextOptions;
  readonly #queue: PrefetchQueue;

  constructor(options: NamedNextOptions) {
    this.#options = options;
    this.#queue = new PrefetchQueue({ running: options.limit, waiting: options.limit, onEnded: options.onEnded });
  }

  /** Begins to fetch what a request names, if it is of the same zone and below the same token. */
  follow(request: ViewerRequest, ask: Ask): void {
    const url = stripSigningPackage(request.url ?? '');
    const said = cmcdOf(request, url);
    if (said === null || said.next.length === 0) return;
    const path = url.split('?', 1)[0] ?? '';
    // A token stands before the path that the zone knows.
    const before = path.slice(0, path.length - pathOf(ask).length);
    const { pathPrefix } = ask.zone;
    const within = `${before}${pathPrefix.endsWith('/') ? pathPrefix : `${pathPrefix}/`}`;
    for (const target of prefetchTargetsOf(said, { url, authority: request.headers.host ?? '', within })) {
      const next = askFor(ask, target, before);
      if (next !== null) this.#queue.offer(`${next.key}\n${target.range ?? ''}`, () => this.#fetch(next));
    }
  }

  /** Nothing more begins. */
  stop(): void {
    this.#queue.stop();
  }

  async #fetch(ask: Ask): Promise<boolean> {
    const { desk, withinMs } = this.#options;
    const obtained = await desk.obtain(ask, { withinMs, onInformation: () => undefined });
    // Once begun it goes on alone; what is one viewer's they fetch themselves.
    dismiss(obtained);
    return obtained.kind === 'object';
  }
}

function cmcdOf({ headers }: ViewerRequest, url: string): Cmcd | null {
  const mark = url.indexOf('?');
  return readCmcd(mark < 0 ? '' : url.slice(mark + 1), (name) => {
    const value = headers[name];
    return Array.isArray(value) ? value.join(',') : value;
  });
}

function askFor(ask: Ask, { url, range }: PrefetchTarget, before: string): Ask | null {
  const target = readRequestTarget(stripSigningPackage(url.slice(before.length)), undefined);
  if (!target.ok) return null;
  const { path, name, query } = target;
  const ranged = range === null ? [] : ['Range', range];
  const fields = [...without(ask.request.fields, CONDITIONS_AND_RANGE), ...ranged];
  return {
    ...ask,
    key: keyOf(ask.zone, ask.host, `${path}${query}`),
    name: `${name}${query}`,
    path: `${path}${query}`,
    request: { method: 'GET', fields },
  };
}

function pathOf({ path }: Ask): string {
  return path.split('?', 1)[0] ?? '';
}

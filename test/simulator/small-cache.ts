/** A cache of a hundred lines that keeps to the rules, and the ways in which it can be made not to. */

import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '@headwater/service/clock';
import { type PurgeSpec, PLACES, folderOf, placeAt } from './history.ts';
import { endToEnd, forwarded } from './pass-through.ts';
import type { SystemUnderTest } from './system-under-test.ts';

/** Its name in Cache-Status. */
export const SMALL_CACHE = 'small';

/** What a cache can get wrong. */
export type Mistake =
  | 'forgets the host'
  | 'forgets Vary'
  | 'keeps for ever'
  | 'forgets Age'
  | 'keeps what must not be shared'
  | 'keeps the authorized'
  | 'keeps the truncated'
  | 'ends cleanly'
  | 'forgets purges'
  | 'purges no fills'
  | 'survives unsafe methods'
  | 'hears no withdrawal'
  | 'answers HEAD with 404'
  | 'says hit'
  | 'says miss'
  | 'counts no age';

interface Kept {
  readonly name: string;
  readonly variant: string;
  readonly fields: readonly string[];
  readonly body: Buffer;
  readonly atMs: number;
  readonly lifetimeMs: number;
}

interface Parts {
  readonly clock: Clock;
  readonly originUrl: string;
}

export async function startSmallCache({ clock, originUrl }: Parts, mistake: Mistake | null): Promise<SystemUnderTest> {
  let kept: Kept[] = [];
  const hit = mistake === 'says miss' ? `${SMALL_CACHE}; fwd=miss` : `${SMALL_CACHE}; hit`;
  const miss = mistake === 'says hit' ? `${SMALL_CACHE}; hit` : `${SMALL_CACHE}; fwd=miss`;
  let purges = 0;
  const server = createServer((request, response) => {
    if (mistake === 'answers HEAD with 404' && request.method === 'HEAD')
      return void response.writeHead(404, ['Cache-Status', hit]).end();
    const name = nameOf(request, mistake);
    const found = isPlain(request, mistake) ? kept.find((one) => one.name === name && fits(one, request)) : undefined;
    if (found === undefined) return fetch(name, request, response);
    const age = mistake === 'counts no age' ? 0 : Math.floor((clock.nowMs() - found.atMs) / 1000);
    response.writeHead(200, [...found.fields, 'Age', String(age), 'Cache-Status', hit]).end(found.body);
  });

  function fits(one: Kept, request: IncomingMessage): boolean {
    const isFresh = clock.nowMs() - one.atMs < one.lifetimeMs || mistake === 'keeps for ever';
    return isFresh && (one.variant === variantOf(request) || mistake === 'forgets Vary');
  }

  function fetch(name: string, request: IncomingMessage, response: ServerResponse): void {
    const before = purges;
    const askedMs = clock.nowMs();
    const path = originUrl + (request.url ?? '');
    const outgoing = httpRequest(path, { method: request.method, headers: forwarded(request), agent: false });
    request.pipe(outgoing);
    outgoing.on('error', () =>
      response.headersSent ? response.destroy() : response.writeHead(502, ['Cache-Status', miss]).end(),
    );
    outgoing.on('response', (answer) => {
      const pieces: Buffer[] = [];
      if (mistake === 'ends cleanly') delete answer.headers['content-length'];
      const fields = endToEnd(answer.rawHeaders).flatMap((value, at, all) =>
        at % 2 === 0 && !(mistake === 'ends cleanly' && /^content-length$/i.test(value))
          ? [value, all[at + 1] ?? '']
          : [],
      );
      response.writeHead(answer.statusCode ?? 502, [...fields, 'Cache-Status', miss]);
      answer.on('data', (piece: Buffer) => {
        pieces.push(piece);
        response.write(piece);
      });
      const keep = (): void => {
        const isOld = purges !== before && mistake !== 'purges no fills';
        const entry = entryOf(name, request, answer, Buffer.concat(pieces));
        // An answer is no younger than the question (RFC 9111 §4.2.3).
        const atMs = mistake === 'forgets Age' ? Infinity : askedMs;
        if (entry !== null && !isOld) kept.push({ ...entry, atMs: Math.min(entry.atMs, atMs) });
      };
      answer.on('error', () => {
        if (mistake === 'keeps the truncated') keep();
        if (mistake === 'ends cleanly') response.end();
        else response.destroy();
      });
      answer.on('end', () => {
        if (request.method === 'GET') keep();
        const isUnsafe = request.method !== 'GET' && request.method !== 'HEAD';
        const isOver = isUnsafe ? mistake !== 'survives unsafe methods' : mistake !== 'hears no withdrawal';
        if (isOver && (isUnsafe || isWithdrawal(request, answer))) forget(name);
        response.end();
      });
    });
  }

  /** What is on its way in, too. */
  function forget(name: string): void {
    purges += 1;
    kept = kept.filter((one) => one.name !== name);
  }

  function entryOf(name: string, request: IncomingMessage, answer: IncomingMessage, body: Buffer): Kept | null {
    const { headers, statusCode } = answer;
    const control = headers['cache-control'] ?? '';
    const lifetime = /^max-age=(\d+)$/.exec(control)?.[1];
    const mustNot =
      mistake === 'keeps what must not be shared'
        ? /(?:private|no-store).*max-age=(\d+)/.exec(control)?.[1]
        : undefined;
    if (statusCode !== 200 || !isPlain(request, mistake)) return null;
    if (mustNot === undefined && (lifetime === undefined || headers['cdn-cache-control'] !== undefined)) return null;
    if (headers['age'] !== undefined || headers.vary === '*' || headers.date === undefined) return null;
    const lifetimeMs = Number(mustNot ?? lifetime) * 1000;
    // Dates are cut to seconds.
    const atMs = mistake === 'forgets Age' ? clock.nowMs() + 40_000 : Date.parse(headers.date);
    const fields = endToEnd(answer.rawHeaders);
    if (mistake === 'keeps the truncated') fields.push('Content-Length', String(body.length));
    const framed = mistake === 'keeps the truncated' ? withoutFirstLength(fields) : fields;
    return { name, variant: variantOf(request), fields: framed, body, atMs, lifetimeMs };
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    activity: 0,
    restMs: 0,
    port: () => (server.address() as AddressInfo).port,
    purge(purge) {
      if (mistake === 'forgets purges') return;
      purges += 1;
      // By tag it cannot, so it takes all.
      kept = kept.filter((one) => !isPurged(one, purge));
    },
    restart: () => Promise.resolve(),
    happen: () => Promise.resolve(),
    token: () => 'none',
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function nameOf({ headers, url = '' }: IncomingMessage, mistake: Mistake | null): string {
  const { host = '' } = headers;
  const isNamed = PLACES.some((place) => place.host === host);
  return isNamed && mistake !== 'forgets the host' ? `${host}${url}` : `*${url}`;
}

function isPlain({ method, headers }: IncomingMessage, mistake: Mistake | null): boolean {
  const authorized = headers.authorization !== undefined && mistake !== 'keeps the authorized';
  if (method !== 'GET' || authorized) return false;
  return ['range', 'if-none-match', 'if-modified-since', 'cache-control'].every((name) => headers[name] === undefined);
}

/** What is kept has become private, or is not to be kept (RFC 9111 §4.3.4, §4.3.5). */
function isWithdrawal({ method }: IncomingMessage, { statusCode, headers }: IncomingMessage): boolean {
  return (statusCode === 304 || method === 'HEAD') && /private|no-store/.test(headers['cache-control'] ?? '');
}

/** Of every field that the origin ever names in Vary. */
function variantOf({ headers }: IncomingMessage): string {
  return `${headers['accept-language']?.trim().toLowerCase()} ${String(headers['x-mode'])}`;
}

function isPurged({ name }: Kept, { by, place }: PurgeSpec): boolean {
  const purged = placeAt(place).name;
  if (by === 'url') return name === purged;
  return by === 'prefix' ? name.startsWith(folderOf(purged)) : true;
}

function withoutFirstLength(fields: readonly string[]): string[] {
  const at = fields.findIndex((value, index) => index % 2 === 0 && value.toLowerCase() === 'content-length');
  return at < 0 || at === fields.length - 2 ? [...fields] : fields.toSpliced(at, 2);
}

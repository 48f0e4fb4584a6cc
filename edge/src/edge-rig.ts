/** Edges for tests: started on free ports over a feed of the test's own, and asked over real sockets. */

import { once } from 'node:events';
import { Agent, type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import type { FeedMessage } from '@headwater/protocol/feed';
import { FeedState } from '@headwater/protocol/feed-state';
import { type PathClaims, type PathKeyring, makeKeyring, mintPathToken } from '@headwater/protocol/path-token';
import { testRecord } from '@headwater/protocol/test-node';
import type { ZoneEntry } from '@headwater/protocol/zone';
import { streamScope } from '@headwater/protocol/token-scope';
import type { Clock } from '@headwater/service/clock';
import type { TlsFiles } from '@headwater/service/tls-files';
import { type EdgeConfig, type EdgeLimits, readConfig } from './config.ts';
import { type RunningEdge, startEdge } from './start-edge.ts';

const SECRET = Buffer.alloc(32, 7).toString('base64url');
const FOREIGN = Buffer.alloc(32, 8).toString('base64url');
/** The keys that the rig's edges hold, and others under the same id. */
export const KEYS = makeKeyring([{ kid: 'k1', secret: SECRET, state: 'current' }]);
export const FOREIGN_KEYS = makeKeyring([{ kid: 'k1', secret: FOREIGN, state: 'current' }]);

/** A feed with streams `show` (token), `open` (public) and `idle` (token, not on air), all but the last at the origin. */
export function feedOf(originUrl: string, more: readonly FeedMessage[] = []): FeedState {
  const feed = new FeedState();
  const stream = { keyHash: '', ladder: null };
  const origin = testRecord({ id: 'origin-1', role: 'origin', url: originUrl });
  feed.apply({
    cursor: '1',
    snapshot: true,
    messages: [
      { type: 'path-keys', keys: [{ kid: 'k1', secret: SECRET, state: 'current' }] },
      { type: 'node', node: origin },
      { type: 'stream', stream: { ...stream, name: 'show', policy: 'token', origin: 'origin-1' } },
      { type: 'stream', stream: { ...stream, name: 'open', policy: 'public', origin: 'origin-1' } },
      { type: 'stream', stream: { ...stream, name: 'idle', policy: 'token', origin: null } },
      ...more,
    ],
  });
  return feed;
}

interface RigOptions {
  readonly id?: string;
  readonly limits?: Partial<EdgeLimits>;
  readonly zones?: readonly ZoneEntry[];
  /** URLs of edges to ask first */
  readonly parents?: readonly string[];
  readonly clock?: Clock;
  readonly tlsFiles?: readonly TlsFiles[];
  /** for an edge with a disk */
  readonly cacheDirectory?: string;
}

/** An edge that joins no fleet. */
export async function startRig(
  feed: FeedState,
  { id = 'edge-1', limits = {}, zones = [], parents = [], clock, tlsFiles = [], cacheDirectory = '' }: RigOptions = {},
): Promise<RunningEdge> {
  const HEADWATER_EDGE_PARENTS = parents.join(',');
  const config = readConfig({ HEADWATER_EDGE_PORT: '0', HEADWATER_NODE_ID: id, HEADWATER_EDGE_PARENTS });
  const quiet: EdgeConfig = {
    ...config,
    zones,
    tlsFiles,
    cacheDirectory,
    limits: { ...config.limits, diskBytes: cacheDirectory === '' ? 0 : config.limits.diskBytes, ...limits },
  };
  return startEdge(quiet, { feed, log: () => undefined, ...(clock === undefined ? {} : { clock }) });
}

/** A token for a stream, valid for an hour unless told otherwise. */
export function mint(stream: string, change: Partial<PathClaims> = {}, keys: PathKeyring = KEYS): string {
  const nowS = Math.floor(Date.now() / 1000);
  const scope = streamScope(stream);
  const claims = { session: 's1', scope, notBeforeS: nowS - 60, expiresS: nowS + 3600, bind: null };
  return mintPathToken({ ...claims, ...change }, keys);
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
  /** an error's code */
  readonly code: string | undefined;
  /** false: the connection was cut */
  readonly complete: boolean;
}

interface AskOptions {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
}

const agent = new Agent({ keepAlive: false });

/** Asks an edge, with the path exactly as given. */
export async function ask(edge: { readonly port: number }, path: string, options: AskOptions = {}): Promise<Answer> {
  const { method = 'GET', headers = {} } = options;
  const outgoing = request({ host: '127.0.0.1', port: edge.port, path, method, headers, agent });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  const { body, complete } = await readBody(response);
  const text = body.toString('utf8');
  const isProblem = response.headers['content-type'] === 'application/problem+json' && text !== '';
  const code = isProblem ? (JSON.parse(text) as { code: string }).code : undefined;
  return { status: response.statusCode ?? 0, headers: response.headers, body, text, code, complete };
}

/** All that came of a body; not complete where it was cut off. */
export async function readBody(response: IncomingMessage): Promise<Pick<Answer, 'body' | 'complete'>> {
  const pieces: Buffer[] = [];
  response.on('data', (piece: Buffer) => pieces.push(piece));
  const complete = await new Promise<boolean>((resolve) => {
    response.once('end', () => resolve(response.complete));
    response.once('error', () => resolve(false));
  });
  return { body: Buffer.concat(pieces), complete };
}

/** Asks for an edge's metrics until they say so. */
export async function until(edge: RunningEdge, expected: RegExp): Promise<void> {
  for (;;) {
    const { text } = await ask({ port: edge.adminPort }, '/metrics');
    if (expected.test(text)) return;
  }
}

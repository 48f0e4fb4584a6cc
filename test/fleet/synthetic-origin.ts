/**
 * An origin that holds one stream of one video track, with whole segments of chosen sizes and nothing behind them: it joins
 * the real control plane and answers edges as a real origin does, so that an edge can be measured on objects of exact sizes.
 */

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { parseCmafPath, WAIT_LIMIT_MS } from '@headwater/protocol/cmaf-path';
import { REVISION } from '@headwater/protocol/headers';
import { makeEpochId } from '@headwater/protocol/names';
import { IDLE_LOAD, type JoinRequest, type NodeSession } from '@headwater/protocol/node';
import { nodeKeyOf } from '@headwater/protocol/node-credential';
import { testNode } from '@headwater/protocol/test-node';
import type { Timeline, TimelineChange } from '@headwater/protocol/timeline';
import { listen } from '@headwater/service/listen';
import type { Fleet } from './fleet.ts';

/** A synthetic stream on air. */
export interface SyntheticOrigin extends AsyncDisposable {
  readonly url: string;
  readonly stream: string;
  /** below `/t/TOKEN/live/STREAM` on an edge and `/cmaf/STREAM` here: the track and the epoch */
  readonly objectBase: string;
  /** segment number by its size in bytes */
  readonly numbers: ReadonlyMap<number, number>;
}

const TRACK = 'v360';
const TIMESCALE = 90_000;
const SEGMENT_MS = 2_000;
const NODE_ID = 'synthetic-origin';

/** Puts a stream on air whose newest segments have these sizes. */
export async function startSyntheticOrigin(fleet: Fleet, sizes: readonly number[]): Promise<SyntheticOrigin> {
  const stream = 'synthetic';
  const { key } = await fleet.api.createStream({ name: stream, policy: 'token' });
  const epoch = makeEpochId(Date.now(), randomBytes(5));
  const newest = Math.floor(Date.now() / SEGMENT_MS) - 1;
  const numbers = new Map(sizes.map((size, index) => [size, newest - sizes.length + 1 + index]));
  const bodies = new Map([...numbers].map(([size, number]) => [number, randomBytes(size)]));
  const change = describe({ stream, epoch, numbers });
  const server = createServer((request, response) => answer({ request, response, change, bodies }));
  const port = await listen(server, { port: 0, host: '127.0.0.1', variable: 'none' });
  const url = `http://127.0.0.1:${port}`;
  const membership = await join(fleet, url);
  await membership.claim(stream, key);
  return {
    url,
    stream,
    objectBase: `${TRACK}/${epoch}`,
    numbers,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      membership.leave();
    },
  };
}

function describe(given: { stream: string; epoch: string; numbers: ReadonlyMap<number, number> }): TimelineChange {
  const { stream, epoch, numbers } = given;
  const segments = [...numbers].map(([bytes, number]) => ({
    number,
    epoch,
    startTicks: (number * TIMESCALE * SEGMENT_MS) / 1000,
    durationTicks: (TIMESCALE * SEGMENT_MS) / 1000,
    bytes,
    complete: true,
    parts: [],
  }));
  const timeline: Timeline = {
    stream,
    revision: Date.now() * 1000,
    state: 'live',
    segmentDurationMs: SEGMENT_MS,
    partDurationMs: 1000 / 3,
    partTargetMs: 350,
    anchorMs: 0,
    windowSegments: 8,
    epochs: [{ id: epoch, ordinal: 0, firstSegment: Math.min(...numbers.values()) }],
    tracks: [
      {
        id: TRACK,
        kind: 'video',
        codec: 'avc1.64001f',
        bandwidth: 16_000_000,
        timescale: TIMESCALE,
        width: 640,
        height: 360,
        frameRate: [30, 1],
      },
    ],
    windows: { [TRACK]: segments },
  };
  return { full: true, timeline };
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly change: TimelineChange;
  readonly bodies: ReadonlyMap<number, Uint8Array>;
}

/** Nothing ever changes here, so one who waits for a change waits the whole time and gets the same again. */
function answer({ request, response, change, bodies }: Exchange): void {
  const url = new URL(request.url ?? '/', 'http://origin');
  const path = parseCmafPath(url.pathname);
  const revision = { [REVISION]: String(change.timeline.revision) };
  if (path?.kind === 'timeline') {
    const waits = url.searchParams.get('since') === String(change.timeline.revision);
    const unchanged = { full: false, timeline: { ...change.timeline, windows: {} } };
    const body = JSON.stringify(waits ? unchanged : change);
    const reply = (): void => {
      response.writeHead(200, { 'content-type': 'application/json', ...revision }).end(body);
    };
    if (!waits) return reply();
    const timer = setTimeout(reply, WAIT_LIMIT_MS);
    response.once('close', () => clearTimeout(timer));
    return;
  }
  const body = path?.kind === 'segment' ? bodies.get(path.number) : undefined;
  if (body === undefined) {
    response
      .writeHead(404, { 'content-type': 'application/problem+json' })
      .end('{"status":404,"code":"segment_not_found"}');
    return;
  }
  const immutable = { 'content-type': 'video/mp4', 'cache-control': 'public, max-age=31536000, immutable' };
  response.writeHead(200, { ...immutable, ...revision, 'content-length': body.length }).end(body);
}

interface Membership {
  claim(stream: string, key: string): Promise<void>;
  leave(): void;
}

async function join(fleet: Fleet, url: string): Promise<Membership> {
  const publicKey = nodeKeyOf(generateKeyPairSync('ed25519').privateKey);
  const request: JoinRequest = { node: testNode({ id: NODE_ID, role: 'origin', url }), publicKey };
  const entered = await post(fleet, '/v1/nodes/join', fleet.plan.joinToken, request);
  const { credential, heartbeatMs } = entered as NodeSession;
  const load = IDLE_LOAD;
  let failure: unknown;
  let streams: { name: string; epochOrdinal: number }[] = [];
  const timer = setInterval(() => {
    const heartbeat = { cursor: null, load, draining: false, streams };
    post(fleet, `/v1/nodes/${NODE_ID}/heartbeat`, credential, heartbeat).catch((error: unknown) => (failure ??= error));
  }, heartbeatMs);
  return {
    async claim(stream, key) {
      await post(fleet, '/v1/publishes', credential, { stream, key, origin: NODE_ID });
      streams = [{ name: stream, epochOrdinal: 0 }];
    },
    leave() {
      clearInterval(timer);
      if (failure !== undefined) throw new Error('the synthetic origin lost its control plane', { cause: failure });
    },
  };
}

async function post(fleet: Fleet, path: string, bearer: string, body: unknown): Promise<unknown> {
  const response = await fetch(`${fleet.plan.controlUrl}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(5_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
  return text === '' ? null : (JSON.parse(text) as unknown);
}

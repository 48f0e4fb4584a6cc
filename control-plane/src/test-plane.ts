/** A control plane for tests: a real one, in this process, on a free port and a directory of its own. */

import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempDisposable } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { JoinRequest, NodeDescription } from '@headwater/protocol/node';
import { nodeKeyOf } from '@headwater/protocol/node-credential';
import { testNode } from '@headwater/protocol/test-node';
import { ManualClock } from '@headwater/service/clock';
import { Conformance, type Document } from './api/test-conformance.ts';
import { readConfig } from './config.ts';
import type { HashCost } from './people/password-hash.ts';
import { CHEAP } from './people/test-people.ts';
import { type ControlPlane, startControlPlane } from './start-control-plane.ts';

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly headers: Headers;
}

/** Calls the control plane; as the admin unless another bearer is given. */
export type Call = (method: string, path: string, body?: unknown, bearer?: string) => Promise<Answer>;

interface Sent {
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface TestPlane extends AsyncDisposable {
  readonly url: string;
  readonly dataDir: string;
  /** the control plane's clock: moves when told to */
  readonly clock: ManualClock;
  readonly log: string[];
  readonly call: Call;
  /** Calls as the admin, with headers. */
  readonly send: (method: string, path: string, request: Sent) => Promise<Answer>;
  /** holds every answer that `call` gets against the OpenAPI document */
  readonly conformance: Conformance;
  /** Ends the process's control plane and starts another on the same directory and port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export const ADMIN = 'test-admin-token';
export const JOIN = 'test-join-token';

/** Lets a node in with a key of its own; returns its credential. */
export async function joinAs(plane: Pick<TestPlane, 'call'>, change: Partial<NodeDescription> = {}): Promise<string> {
  const answer = await plane.call('POST', '/v1/nodes/join', testJoin(change), JOIN);
  if (answer.status !== 201) throw new Error(`the join was refused: ${JSON.stringify(answer.body)}`);
  return answer.body['credential'] as string;
}

/** What a node with a new key joins with. */
export function testJoin(change: Partial<NodeDescription> = {}): JoinRequest {
  return { node: testNode(change), publicKey: nodeKeyOf(generateKeyPairSync('ed25519').privateKey) };
}

/** A Tuesday in 2026. */
const START_MS = Date.UTC(2026, 10, 24, 12);

interface TestPlaneOptions {
  /** variables besides the ones below */
  readonly env?: Readonly<Record<string, string>>;
  readonly feedWaitMs?: number;
  readonly logLimit?: number;
  readonly storeDeadlineMs?: number;
  /** of a password; almost nothing unless given */
  readonly hashCost?: HashCost;
}

export async function startTestPlane(options: TestPlaneOptions = {}): Promise<TestPlane> {
  const { env = {}, ...given } = options;
  const overrides = { hashCost: CHEAP, ...given };
  const directory = await mkdtempDisposable(join(tmpdir(), 'headwater-control-'));
  const clock = new ManualClock(START_MS);
  const log: string[] = [];
  const variables = {
    HEADWATER_DATA_DIR: directory.path,
    HEADWATER_ADMIN_TOKEN: ADMIN,
    HEADWATER_JOIN_TOKEN: JOIN,
    HEADWATER_PUBLIC_HOST: 'public.example',
    HEADWATER_CONTROL_PORT: '0',
    HEADWATER_RTMP_PORT: '1935',
    HEADWATER_GEO_PORT: '7100',
    HEADWATER_NODE_ID: 'control-1',
    ...env,
  };
  const start = (port: number): Promise<ControlPlane> =>
    startControlPlane({ ...readConfig(variables), port }, { clock, writeLog: (line) => log.push(line), ...overrides });
  let plane: ControlPlane | null = await start(0);
  const port = plane.port;
  const url = `http://127.0.0.1:${port}`;
  const conformance = new Conformance((await (await fetch(`${url}/v1/openapi.json`)).json()) as Document);
  async function stop(): Promise<void> {
    await plane?.[Symbol.asyncDispose]();
    plane = null;
  }
  async function send(method: string, path: string, { headers: sent, body }: Sent): Promise<Answer> {
    // A connection each: one that is kept would be found closed after a restart.
    const asked = request(url + path, { method, agent: false, headers: sent });
    asked.end(typeof body === 'string' ? body : JSON.stringify(body));
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    const received = await text(answer);
    const status = answer.statusCode ?? 0;
    const headers = new Headers(answer.headers as Record<string, string>);
    const contentType = headers.get('content-type');
    const parsed = (contentType?.includes('json') === true ? JSON.parse(received) : {}) as Answer['body'];
    conformance.check({ method, path, status, contentType, body: parsed });
    return { status, headers, body: parsed };
  }
  return {
    url,
    dataDir: directory.path,
    clock,
    log,
    conformance,
    stop,
    async restart() {
      await stop();
      plane = await start(port);
    },
    call: (method, path, body, bearer = ADMIN) =>
      send(method, path, { body, headers: { authorization: `Bearer ${bearer}` } }),
    send: (method, path, { body, headers }) =>
      send(method, path, { body, headers: { authorization: `Bearer ${ADMIN}`, ...headers } }),
    async [Symbol.asyncDispose]() {
      await stop();
      await directory.remove();
    },
  };
}

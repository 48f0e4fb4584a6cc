/** Ports with TLS for tests, and clients that ask in each of an edge's protocols. */

import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request as plainRequest } from 'node:http';
import { type ClientHttp2Session, connect as connectH2 } from 'node:http2';
import { request as secureRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TlsPair, makeSelfSigned } from '@headwater/service/self-signed';
import type { TlsFiles } from '@headwater/service/tls-files';
import { readBody } from './edge-rig.ts';

export const PROTOCOLS = ['http/1.1', 'http/1.1 over TLS', 'h2'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

export interface Asked {
  readonly method?: string;
  readonly path: string;
  readonly fields?: Readonly<Record<string, string | string[]>>;
  readonly body?: string;
}

/** What came, without what belongs to the connection or to the moment. */
export interface Came {
  readonly status: number;
  /** `name: value`, sorted */
  readonly fields: readonly string[];
  readonly body: Buffer;
  /** false: it was cut */
  readonly complete: boolean;
  readonly interim: readonly number[];
  readonly trailers: readonly string[];
}

/** A certificate in files, and room for more. */
export class TlsFolder implements AsyncDisposable {
  readonly path: string;
  #made = 0;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<TlsFolder> {
    return new TlsFolder(await mkdtemp(join(tmpdir(), 'headwater-edge-tls-')));
  }

  async add(...hosts: readonly string[]): Promise<TlsFiles & TlsPair> {
    this.#made += 1;
    const pair = makeSelfSigned(hosts, Date.now());
    const files = {
      certFile: join(this.path, `${this.#made}.cert.pem`),
      keyFile: join(this.path, `${this.#made}.key.pem`),
    };
    await writeFile(files.certFile, pair.cert);
    await writeFile(files.keyFile, pair.key);
    return { ...files, ...pair };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true });
  }
}

/** Asks on a connection of its own. */
export async function askBy(protocol: Protocol, port: number, asked: Asked): Promise<Came> {
  return protocol === 'h2' ? askByH2(port, asked) : askByHttp1(protocol, port, asked);
}

async function askByHttp1(
  protocol: Protocol,
  port: number,
  { method = 'GET', path, fields, body }: Asked,
): Promise<Came> {
  const options = { host: '127.0.0.1', port, path, method, agent: false, headers: { host: 'edge.example', ...fields } };
  const outgoing =
    protocol === 'http/1.1' ? plainRequest(options) : secureRequest({ ...options, rejectUnauthorized: false });
  const interim: number[] = [];
  outgoing.on('information', ({ statusCode }) => interim.push(statusCode));
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  const { body: came, complete } = await readBody(response);
  return {
    status: response.statusCode ?? 0,
    fields: essential(response.rawHeaders),
    body: came,
    complete,
    interim,
    trailers: essential(response.rawTrailers),
  };
}

async function askByH2(port: number, asked: Asked): Promise<Came> {
  const session = connectH2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  try {
    return await askOn(session, asked);
  } finally {
    session.destroy();
  }
}

/** Asks on a connection of HTTP/2 that there is. */
export async function askOn(
  session: ClientHttp2Session,
  { method = 'GET', path, fields = {}, body }: Asked,
): Promise<Came> {
  const head = { ':method': method, ':path': path, ':authority': 'edge.example' };
  const stream = session.request({ ...head, ...fields }, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  const interim: number[] = [];
  const pieces: Buffer[] = [];
  let raw: string[] = [];
  let trailers: string[] = [];
  let ended = false;
  stream.on('headers', (interimHead) => interim.push(Number(interimHead[':status'])));
  stream.on('response', (_head, _flags, list) => (raw = list));
  stream.on('trailers', (_head, _flags, list: string[]) => (trailers = list));
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  stream.on('end', () => (ended = true));
  stream.on('error', () => undefined);
  await new Promise((resolve) => stream.once('close', resolve));
  return {
    status: Number(raw[raw.indexOf(':status') + 1]),
    fields: essential(raw),
    body: Buffer.concat(pieces),
    complete: ended && stream.rstCode === 0,
    interim,
    trailers: essential(trailers),
  };
}

const OF_THE_CONNECTION = /^(?:connection|keep-alive|transfer-encoding|date|age|trailer|:status): /;

function essential(raw: readonly string[]): readonly string[] {
  return raw
    .flatMap((name, at) => (at % 2 === 0 ? [`${name.toLowerCase()}: ${raw[at + 1]}`] : []))
    .filter((line) => !OF_THE_CONNECTION.test(line))
    .map((line) => line.replace(/dur=[\d.]+/, 'dur='))
    .sort();
}

/** A cached object over TLS, by HTTP/1.1 and by HTTP/2, beside nginx with the same certificate: CPU per request. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeSelfSigned } from '@headwater/service/self-signed';
import type { TlsFiles } from '@headwater/service/tls-files';
import { cpuMicros, pin } from '@headwater/test/fleet/process-cost.ts';
import { quantile } from '@headwater/test/fleet/quantile.ts';
import { type Readings, readOverAndOver } from './discarding-reader.ts';
import type { Figure, FigureResult, Measured } from './figure.ts';
import { readStreamsOverAndOver } from './h2-reader.ts';
import { startNginx } from './nginx.ts';
import { startSizedOrigin } from './sized-origin.ts';
import { startZoneEdge } from '@headwater/test/fleet/zone-edge.ts';

const SIZES = [
  { name: '1.5 KB', bytes: 1_500 },
  { name: '100 KB', bytes: 100_000 },
  { name: '1 MB', bytes: 1_000_000 },
] as const;
const PAIRS = 5;
const SECONDS = 2;
const WARM_SECONDS = 1;
const CONNECTIONS = 64;
const H2_CONNECTIONS = 8;
const SERVER_CORE = '0';
const CLIENT_CORE = '1';

export const secureHit: Figure = {
  name: 'secure-hit',
  description:
    `CPU of the server's processes (/proc/PID/stat) per request for a pull zone's object that it has in its cache, over TLS 1.3 ` +
    `with one P-256\ncertificate. ${CONNECTIONS} connections of HTTP/1.1, or ${H2_CONNECTIONS} of HTTP/2 with ` +
    `${CONNECTIONS / H2_CONNECTIONS} streams each, bodies discarded; servers on core ${SERVER_CORE}, the client on core ` +
    `${CLIENT_CORE};\n${PAIRS} pairs of ${SECONDS} s each, edge and nginx by turns, after ${WARM_SECONDS} s of warm-up; medians.`,
  run: measure,
};

interface Side {
  readonly pid: number;
  readonly url: string;
}

type Reader = (url: string, seconds: number) => Promise<Readings>;

const READERS: Readonly<Record<string, Reader>> = {
  'HTTP/1.1': (url, seconds) => readOverAndOver({ url, connections: CONNECTIONS, seconds }),
  'HTTP/2': (url, seconds) =>
    readStreamsOverAndOver({ url, connections: H2_CONNECTIONS, streams: CONNECTIONS / H2_CONNECTIONS, seconds }),
};

async function measure(): Promise<FigureResult> {
  const cores = availableParallelism();
  if (cores < 2) throw new Error('this figure wants two cores: one for the server, one for the client');
  await using certificate = await writeCertificate();
  await using origin = await startSizedOrigin();
  await using edge = await startZoneEdge(origin.url, {
    HEADWATER_TLS_CERT_FILE: certificate.files.certFile,
    HEADWATER_TLS_KEY_FILE: certificate.files.keyFile,
    HEADWATER_EDGE_WORKERS: '1',
  });
  await using nginx = await startNginx(origin.url.origin, { tlsFiles: certificate.files });
  pin(edge.pid, SERVER_CORE);
  pin(nginx.pid, SERVER_CORE);
  pin(process.pid, CLIENT_CORE);
  using _unpin = { [Symbol.dispose]: () => pin(process.pid, `0-${cores - 1}`) };
  const lines: Measured[] = [];
  for (const [protocol, read] of Object.entries(READERS)) {
    for (const { name, bytes } of SIZES) {
      const ours = { pid: edge.pid, url: `${edge.url}/${bytes}` };
      const theirs = { pid: nginx.pid, url: `${nginx.secureUrl}/${bytes}` };
      lines.push(...(await compare(`${protocol}, ${name}`, read, [ours, theirs])));
    }
  }
  return { lines, appendix: { [`${nginx.version}, its whole configuration`]: nginx.configuration } };
}

async function compare(what: string, read: Reader, [edge, nginx]: readonly [Side, Side]): Promise<Measured[]> {
  for (const { url } of [edge, nginx]) await read(url, WARM_SECONDS);
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let pair = 0; pair < PAIRS; pair += 1) {
    ours.push(await costOf(edge, read));
    theirs.push(await costOf(nginx, read));
  }
  const ratios = ours.map((micros, at) => micros / (theirs[at] ?? NaN));
  const spread = `of ${ratios.map((ratio) => ratio.toFixed(2)).join(' ')}`;
  return [
    { what: `${what}: edge`, value: quantile(ours, 0.5), unit: 'µs', bound: null, note: '' },
    { what: `${what}: nginx`, value: quantile(theirs, 0.5), unit: 'µs', bound: null, note: '' },
    { what: `${what}: edge ÷ nginx`, value: quantile(ratios, 0.5), unit: '×', bound: null, note: spread },
  ];
}

async function costOf({ pid, url }: Side, read: Reader): Promise<number> {
  const before = cpuMicros(pid);
  const { requests } = await read(url, SECONDS);
  return (cpuMicros(pid) - before) / requests;
}

async function writeCertificate(): Promise<AsyncDisposable & { readonly files: TlsFiles }> {
  const directory = await mkdtemp(join(tmpdir(), 'headwater-secure-hit-'));
  const pair = makeSelfSigned(['127.0.0.1'], Date.now());
  const files = { certFile: join(directory, 'cert.pem'), keyFile: join(directory, 'key.pem') };
  await writeFile(files.certFile, pair.cert);
  await writeFile(files.keyFile, pair.key);
  return { files, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}

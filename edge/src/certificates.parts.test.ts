import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, writeFile } from 'node:fs/promises';
import { connect as connectH2 } from 'node:http2';
import { connect as connectPlain } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { type ConnectionOptions, type TLSSocket, connect } from 'node:tls';
import { promisify } from 'node:util';
import { type Certificates, openCertificates } from './certificates.ts';
import { ask, feedOf, startRig } from './edge-rig.ts';
import { PARTS, makeMedia } from './fake-media.ts';
import { FakeOrigin } from './fake-origin.ts';
import { TlsFolder, askBy, askOn } from './secure-rig.ts';
import type { RunningEdge } from './start-edge.ts';

let folder: TlsFolder;
let origin: FakeOrigin;
let edge: RunningEdge;
let files: Awaited<ReturnType<TlsFolder['add']>>;
let other: Awaited<ReturnType<TlsFolder['add']>>;

before(async () => {
  folder = await TlsFolder.make();
  origin = await FakeOrigin.start(makeMedia(2));
  origin.advance(PARTS + 1);
});
after(async () => {
  await edge[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await edge?.[Symbol.asyncDispose]();
  files = await folder.add('edge.example');
  other = await folder.add('*.other.example', 'other.example');
  edge = await startRig(feedOf(origin.url), { tlsFiles: [files, other] });
});

async function shake(options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ port: edge.port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

async function certificateFor(servername?: string): Promise<string> {
  const socket = await shake(servername === undefined ? {} : { servername });
  const { raw } = socket.getPeerCertificate();
  socket.destroy();
  return new X509Certificate(raw).fingerprint256;
}

function print({ cert }: { readonly cert: string }): string {
  return new X509Certificate(cert).fingerprint256;
}

async function put(pair: { readonly certFile: string; readonly keyFile: string }): Promise<void> {
  await copyFile(pair.certFile, files.certFile);
  await copyFile(pair.keyFile, files.keyFile);
}

async function reloads(): Promise<readonly number[]> {
  const { text } = await ask({ port: edge.adminPort }, '/metrics');
  const count = (result: string): number =>
    Number(new RegExp(`certificate_reloads_total\\{result="${result}"\\} (\\d+)`).exec(text)?.[1]);
  return [count('taken'), count('rejected')];
}

async function hangUp(expected: readonly number[]): Promise<void> {
  process.kill(process.pid, 'SIGHUP');
  while (String(await reloads()) !== String(expected)) continue;
}

test('each host has its own certificate, and who names none the first', async () => {
  assert.equal(await certificateFor(), print(files));
  assert.equal(await certificateFor('edge.example'), print(files));
  assert.equal(await certificateFor('elsewhere.example'), print(files));
  assert.equal(await certificateFor('other.example'), print(other));
  assert.equal(await certificateFor('a.other.example'), print(other));
});

test('the protocol is agreed on, and old or unknown ones are not', async () => {
  const agreed = async (options: ConnectionOptions): Promise<unknown> => {
    const socket = await shake(options);
    const { alpnProtocol } = socket;
    const version = socket.getProtocol();
    socket.destroy();
    return [alpnProtocol, version];
  };
  assert.deepEqual(await agreed({ ALPNProtocols: ['h2', 'http/1.1'] }), ['h2', 'TLSv1.3']);
  assert.deepEqual(await agreed({ ALPNProtocols: ['http/1.1'] }), ['http/1.1', 'TLSv1.3']);
  assert.deepEqual(await agreed({}), [false, 'TLSv1.3']);
  assert.deepEqual(await agreed({ maxVersion: 'TLSv1.2' }), [false, 'TLSv1.2']);
  for (const options of [{ ALPNProtocols: ['spdy/3'] }, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' }] as const) {
    const socket = connect({ port: edge.port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    assert.match(String(error.code), /^ERR_SSL_/);
  }
});

test('who speaks plain HTTP to the port is cut off', async () => {
  const socket = connectPlain(edge.port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(socket, 'close');
});

test('a new pair is taken up at a signal, and connections stay', async () => {
  const session = connectH2(`https://127.0.0.1:${edge.port}`, { rejectUnauthorized: false });
  assert.equal((await askOn(session, { path: '/healthz' })).status, 200);
  const renewed = await folder.add('edge.example');
  await put(renewed);
  await hangUp([1, 0]);
  assert.equal(await certificateFor(), print(renewed));
  assert.equal(await certificateFor('other.example'), print(other));
  assert.equal((await askOn(session, { path: '/healthz' })).status, 200, 'the old connection is still there');
  session.destroy();
});

test('a pair that cannot be used changes nothing', async () => {
  await writeFile(files.keyFile, other.key);
  await hangUp([0, 1]);
  assert.equal(await certificateFor(), print(files));
  await writeFile(files.certFile, 'nothing');
  await hangUp([0, 2]);
  assert.equal(await certificateFor(), print(files));
});

test('a session is taken up again, also after a new certificate', async () => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const first = await shake({ maxVersion });
    // TLS 1.3 gives tickets after the handshake.
    const heard = once(first, maxVersion === 'TLSv1.3' ? 'session' : 'data');
    first.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
    await heard;
    const session = first.getSession() ?? assert.fail();
    first.destroy();
    const [taken = 0, rejected = 0] = await reloads();
    await put(await folder.add('edge.example'));
    await hangUp([taken + 1, rejected]);
    const again = await shake({ maxVersion, session });
    assert.ok(again.isSessionReused(), maxVersion);
    again.destroy();
  }
});

test('files that change are read when they have stopped changing', async () => {
  const seen: string[] = [];
  await using mine = await TlsFolder.make();
  const pair = await mine.add('edge.example');
  const next = await mine.add('edge.example');
  using certificates: Certificates = await openCertificates({
    files: [pair],
    checkMs: 3_600_000,
    onReloaded: () => seen.push('taken'),
    onRejected: () => seen.push('rejected'),
  });
  const key = (): unknown => certificates.contextOptions.key;
  await certificates.check();
  assert.deepEqual([seen, key()], [[], pair.key]);
  await copyFile(next.certFile, pair.certFile);
  await certificates.check();
  await copyFile(next.keyFile, pair.keyFile);
  await certificates.check();
  assert.deepEqual([seen, key()], [[], pair.key], 'half a pair is not read');
  await certificates.check();
  assert.deepEqual([seen, key()], [['taken'], next.key]);
  await writeFile(pair.certFile, 'nothing');
  for (let round = 0; round < 4; round += 1) await certificates.check();
  assert.deepEqual([seen, key()], [['taken', 'rejected'], next.key], 'and what is bad is told once');
});

test('the edge says https of itself', async () => {
  assert.match(edge.url, /^https:/);
  const { body } = await askBy('h2', edge.port, { path: '/live/open/manifest.mpd' });
  assert.match(body.toString(), /https:\/\/edge\.example\//);
});

test('curl speaks both', async () => {
  for (const [flag, version] of [
    ['--http2', '2'],
    ['--http1.1', '1.1'],
  ] as const) {
    const { stdout } = await promisify(execFile)('curl', [
      '-sS',
      flag,
      '--cacert',
      files.certFile,
      '--resolve',
      `edge.example:${edge.port}:127.0.0.1`,
      '--write-out',
      ' %{http_version} %{http_code}',
      `https://edge.example:${edge.port}/healthz`,
    ]);
    assert.equal(stdout, `{"status":"ok"} ${version} 200`);
  }
});

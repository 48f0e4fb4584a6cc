/** Viewers who do not take what they asked for: what all of them hold together, and who is cut off for it. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectH2 } from 'node:http2';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Socket, connect } from 'node:net';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ask } from '../edge-rig.ts';
import { TlsFolder } from '../secure-rig.ts';
import { SLICE_BYTES } from '../tiers/tier-entry.ts';
import { type ZoneRig, startZoneRig } from './zone-rig.ts';

/** More than the kernel takes for who reads nothing. */
const LENGTH = 12 * SLICE_BYTES;
const BODY = Buffer.alloc(LENGTH, 'headwater ');

/** An origin of any number of objects; ranges only where they have a tag. */
function origin(tag: string | null) {
  return ({ headers }: IncomingMessage, response: ServerResponse): void => {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
    const fields = { 'cache-control': 'max-age=600', ...(tag === null ? {} : { etag: tag }) };
    if (tag === null || first === undefined) {
      response.writeHead(200, { ...fields, 'content-length': LENGTH });
      return void response.end(BODY);
    }
    const part = BODY.subarray(Number(first), Number(last) + 1);
    const range = `bytes ${first}-${last}/${LENGTH}`;
    response.writeHead(206, { ...fields, 'content-length': part.length, 'content-range': range });
    response.end(part);
  };
}

const ALL = { id: 'p', soft: false, atMs: 0, all: true } as const;

interface Stuck {
  readonly socket: Socket;
  readonly errors: string[];
}

/** Asks for something and takes nothing of it. */
function stick(rig: ZoneRig, path: string): Stuck {
  const socket = connect(rig.edge.port, '127.0.0.1').pause();
  const errors: string[] = [];
  socket.on('error', ({ code = '' }: NodeJS.ErrnoException) => errors.push(code));
  socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  return { socket, errors };
}

/** All that comes of an answer from now on; null when it was cut off. */
function rest({ socket, errors }: Stuck): Promise<Buffer | null> {
  return new Promise((resolve) => {
    let came = 0;
    const pieces: Buffer[] = [];
    const onCut = (): void => resolve(null);
    socket.once('close', onCut);
    socket.on('data', (piece: Buffer) => {
      pieces.push(piece);
      came += piece.length;
      if (came <= LENGTH) return;
      const all = Buffer.concat(pieces);
      const head = all.indexOf('\r\n\r\n') + 4;
      if (all.length === head + LENGTH) resolve(all.subarray(head));
    });
    if (errors.length > 0 || socket.closed) onCut();
    socket.resume();
  });
}

async function metric(rig: ZoneRig, name: string): Promise<number> {
  const { text } = await ask({ port: rig.edge.adminPort }, '/metrics');
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
}

/** Until so many answers wait for their connections, and go on to. */
async function allAreStuck(rig: ZoneRig, readers: number): Promise<void> {
  for (let still = 0; still < 5;) {
    still = (await metric(rig, 'headwater_edge_unsent_answers')) === readers ? still + 1 : 0;
  }
}

test('five hundred who read nothing, each of something else, hold no more than the limits say', async () => {
  await using folder = await TlsFolder.make();
  const MiB = SLICE_BYTES;
  const limits = { ramBytes: 16 * MiB, fillBytes: 16 * MiB, unsentBytes: 32 * MiB };
  const allBytes = limits.ramBytes + limits.fillBytes + limits.unsentBytes;
  const tlsFiles = [await folder.add('edge.example')];
  await using rig = await startZoneRig(film, { limits, tlsFiles });
  const sessions = Array.from({ length: 10 }, () => openH2(rig));
  let most = 0;
  for (let n = 0; n < 500; n += sessions.length) {
    // Where many streams are cut the connection ends.
    for (const [at, { closed }] of sessions.entries()) if (closed) sessions[at] = openH2(rig);
    await Promise.all(sessions.map((session, at) => stickH2(session, n + at)));
    if (n % 50 === 0) most = Math.max(most, await metric(rig, 'headwater_edge_unsent_bytes'));
    assert.ok(most <= limits.unsentBytes, `${most} bytes`);
  }
  assert.ok(most > limits.unsentBytes - 2 * MiB, `${most} bytes: the limit was not reached`);
  const heldBytes = await memoryBytes();
  assert.ok(heldBytes < allBytes + BODY.length + SLACK_BYTES, `${heldBytes} bytes`);
  assert.ok((await metric(rig, 'headwater_edge_slow_readers_cut_total')) > 0);
  for (const session of sessions) session.destroy();
  while ((await metric(rig, 'headwater_edge_unsent_bytes')) > 0) await new Promise(setImmediate);
});

const READERS = 6;

test('what the edge has dropped and slow readers hold: at the limit all stay, a byte beyond it the slowest is reset', async () => {
  for (const [unsentBytes, cut] of [
    [READERS * SLICE_BYTES, 0],
    [READERS * SLICE_BYTES - 1, 1],
  ] as const) {
    const limits = { fillBytes: LENGTH + SLICE_BYTES, unsentBytes };
    await using rig = await startZoneRig(origin('"1"'), { limits });
    const stuck: Stuck[] = [];
    for (let n = 0; n < READERS; n += 1) {
      stuck.push(stick(rig, `/${n}`));
      await allAreStuck(rig, n + 1);
    }
    // Another's fill needs the memory that theirs have; RAM has it all, until it is told to forget.
    assert.ok((await ask(rig.edge, '/other')).body.equals(BODY));
    assert.equal(await metric(rig, 'headwater_edge_unsent_bytes'), 0);
    await rig.edge.carryOut({ cursor: '2', snapshot: false, messages: [{ type: 'purge', purge: ALL }] });
    assert.equal(await metric(rig, 'headwater_edge_unsent_bytes'), (READERS - cut) * SLICE_BYTES);
    assert.equal(await metric(rig, 'headwater_edge_slow_readers_cut_total'), cut);
    // Who is still there has the rest brought again.
    const [first, ...others] = await Promise.all(stuck.map(rest));
    assert.equal(first?.equals(BODY) ?? stuck[0]?.errors[0], cut === 0 ? true : 'ECONNRESET');
    assert.ok(others.every((body) => body?.equals(BODY) === true));
    assert.equal(await metric(rig, 'headwater_edge_unsent_bytes'), 0);
    for (const { socket } of stuck) socket.destroy();
  }
});

test('slow readers of what cannot be fetched again keep nobody from theirs: one of them is cut off', async () => {
  for (const [bodies, cut] of [
    [3, 0],
    [2, 1],
  ] as const) {
    await using rig = await startZoneRig(origin(null), {
      limits: { ramBytes: SLICE_BYTES, fillBytes: bodies * LENGTH },
    });
    const stuck = [stick(rig, '/0')];
    await allAreStuck(rig, 1);
    stuck.push(stick(rig, '/1'));
    await allAreStuck(rig, 2);
    assert.ok((await ask(rig.edge, '/2')).body.equals(BODY));
    const bodiesOfSlow = (await Promise.all(stuck.map(rest))).filter((body) => body !== null);
    assert.equal(bodiesOfSlow.length, stuck.length - cut);
    assert.ok(bodiesOfSlow.every((body) => body.equals(BODY)));
    for (const { socket } of stuck) socket.destroy();
  }
});

/** Sockets' own buffers, here and at the origin, which is in this process, too. */
const SLACK_BYTES = 48 * SLICE_BYTES;

/** The memory of all buffers that somebody holds. */
async function memoryBytes(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // Backing stores go a turn after those who held them.
  for (let turn = 0; turn < 3; turn += 1) {
    collect();
    await new Promise(setImmediate);
  }
  return process.memoryUsage().arrayBuffers;
}

/** Slices of a long object. */
function film({ headers }: IncomingMessage, response: ServerResponse): void {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
  const fields = { 'cache-control': 'max-age=600', etag: '"1"', 'content-range': `bytes ${first}-${last}/${2 ** 33}` };
  response.writeHead(206, { ...fields, 'content-length': SLICE_BYTES });
  response.end(BODY.subarray(0, SLICE_BYTES));
}

function openH2(rig: ZoneRig): ClientHttp2Session {
  const settings = { initialWindowSize: 0 };
  const session = connectH2(`https://127.0.0.1:${rig.edge.port}`, { rejectUnauthorized: false, settings });
  return session.on('error', () => undefined);
}

/** Asks for a slice, and takes its head alone. */
async function stickH2(session: ClientHttp2Session, slice: number): Promise<void> {
  const stream = session.request({
    ':path': '/film',
    range: `bytes=${slice * SLICE_BYTES}-${(slice + 1) * SLICE_BYTES - 1}`,
  });
  stream.on('error', () => undefined);
  const closed = new Promise((resolve) => stream.once('close', resolve));
  await Promise.race([once(stream, 'response'), closed]);
}

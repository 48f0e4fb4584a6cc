/** A cap on an address is the node's, however the system spreads its connections over the workers. */

import assert from 'node:assert/strict';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { type Socket, connect } from 'node:net';
import { test } from 'node:test';
import { feedOf } from '../edge-rig.ts';
import { startNodeRig } from './node-rig.ts';

const CAP = 20;
/** A refusal takes less than a millisecond, and half of what is left is let in until the other worker has heard of it. */
const WITHIN_MS = 20_000;
const REQUEST = 'GET /live/none/master.m3u8 HTTP/1.1\r\nHost: edge\r\n\r\n';

test('an address may have all of its connections at one worker, and then none at another', async () => {
  const cap = { loopback: CAP, elsewhere: CAP };
  await using node = await startNodeRig(feedOf('http://127.0.0.1:1'), { limits: { connectionsPerAddress: cap } });
  const open = (): Promise<Socket | null> => openOne(node.port);
  const [worker] = node.pids();
  assert.ok(worker !== undefined);
  const lateMs = performance.now() + WITHIN_MS;
  const isInTime = (): boolean => performance.now() < lateMs;
  const held: Socket[] = [];
  while (held.length < CAP) {
    assert.ok(isInTime(), `only ${held.length} of ${CAP} at one worker`);
    const socket = await open();
    if (socket !== null && socketsOf(worker).has(inodeOf(socket))) held.push(socket);
    else socket?.destroy();
  }
  // A worker that has not heard of the last one yet may let in one more.
  let refused = 0;
  while (refused < CAP) {
    assert.ok(isInTime(), 'more than the cap are let in');
    const socket = await open();
    refused = socket === null ? refused + 1 : 0;
    socket?.destroy();
  }
  process.kill(worker, 'SIGKILL');
  const anew: Socket[] = [];
  while (anew.length < CAP) {
    assert.ok(isInTime(), `only ${anew.length} of ${CAP} after the end of the worker that had them`);
    const socket = await open();
    if (socket !== null) anew.push(socket);
  }
  for (const socket of [...held, ...anew]) socket.destroy();
});

/** A connection on which an answer came; null where it was refused. */
function openOne(port: number): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(REQUEST));
    socket.once('data', () => resolve(socket.resume()));
    socket.once('close', () => resolve(null));
    socket.on('error', () => undefined);
  });
}

/** Of the server's end of a connection, by proc(5): its address, the peer's, and as the tenth field the inode. */
function inodeOf({ localPort = 0, remotePort = 0 }: Socket): string {
  const [own = '', peer = ''] = [remotePort, localPort].map((port) => port.toString(16).toUpperCase().padStart(4, '0'));
  const ends = new RegExp(`0100007F:${own} \\w*0100007F:${peer} `);
  const lines = ['tcp', 'tcp6'].flatMap((name) => readFileSync(`/proc/net/${name}`, 'utf8').split('\n'));
  const fields = lines
    .find((line) => ends.test(line))
    ?.trim()
    .split(/\s+/);
  return fields?.[9] ?? '';
}

function socketsOf(pid: number): ReadonlySet<string> {
  const names = readdirSync(`/proc/${pid}/fd`).map((fd) => nameOf(`/proc/${pid}/fd/${fd}`));
  return new Set(names.flatMap((name) => /^socket:\[(\d+)\]$/.exec(name)?.[1] ?? []));
}

function nameOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch (error) {
    // Closed since the directory was read.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

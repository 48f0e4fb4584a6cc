import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFile } from 'node:fs/promises';
import { connect } from 'node:tls';
import { test } from 'node:test';
import { feedOf } from '../edge-rig.ts';
import { TlsFolder } from '../secure-rig.ts';
import { MANY, metric, startNodeRig, until } from './node-rig.ts';

/** Asks, so that a ticket has come, and hangs up. */
async function shake(port: number, session?: Buffer): Promise<{ session: Buffer | undefined; isReused: boolean }> {
  const options = { port, host: '127.0.0.1', rejectUnauthorized: false };
  const socket = connect(session === undefined ? options : { ...options, session });
  socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(socket, 'data');
  const shaken = { session: socket.getSession(), isReused: socket.isSessionReused() };
  socket.destroy();
  return shaken;
}

test('a session that one worker gave is opened by each, and all take up new certificates', async () => {
  await using folder = await TlsFolder.make();
  const files = await folder.add('edge.example');
  await using node = await startNodeRig(feedOf('http://127.0.0.1:1'), { tlsFiles: [files] });
  assert.match(node.url, /^https:/);
  const { session } = await shake(node.port);
  const again = await Promise.all(Array.from({ length: MANY }, () => shake(node.port, session)));
  assert.deepEqual(new Set(again.map(({ isReused }) => isReused)), new Set([true]));
  const next = await folder.add('edge.example');
  await copyFile(next.certFile, files.certFile);
  await copyFile(next.keyFile, files.keyFile);
  await until(async () => (await metric(node, 'headwater_edge_certificate_reloads_total{result="taken"')) >= 2);
});

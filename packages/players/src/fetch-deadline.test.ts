import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { findComplaint } from './browser/complaints.ts';
import { installFetchDeadline } from './browser/fetch-deadline.ts';

const SILENCE_MS = 300;
const PARTS = 12;

let server: Server;
let url: string;
let answer: (response: ServerResponse) => void;
let uninstall: () => void;
before(async () => {
  server = createServer((_, response) => answer(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/live/show/manifest.mpd`;
  uninstall = installFetchDeadline(SILENCE_MS, () => undefined);
});
after(() => {
  uninstall();
  server.closeAllConnections();
  server.close();
});

/** As dash.js does: from the body, as it comes. */
async function read(): Promise<string> {
  const { body } = await fetch(url);
  assert.ok(body);
  return text(body);
}

test('an answer that goes silent fails, before its first byte or after it; one that goes on does not', async () => {
  answer = () => undefined;
  await assert.rejects(fetch(url), { name: 'TimeoutError' });
  answer = (response) => void response.write('a part');
  await assert.rejects(read(), { name: 'TimeoutError' });
  answer = (response) => {
    // For twice as long as it may be silent, and never silent for long.
    let parts = 0;
    const timer = setInterval(
      () => {
        parts += 1;
        response.write('.');
        if (parts < PARTS) return;
        clearInterval(timer);
        response.end();
      },
      (2 * SILENCE_MS) / PARTS,
    );
  };
  assert.equal(await read(), '.'.repeat(PARTS));
});

test('the page is still told why a stream does not play', async () => {
  answer = (response) =>
    response.writeHead(403, { 'content-type': 'application/problem+json' }).end('{"code":"session_expired"}');
  assert.deepEqual(await findComplaint(url), { text: 'Your link has ended. Ask for a new one.', passes: false });
});

test('and that the door hangs, where it does', async () => {
  answer = () => undefined;
  assert.equal((await findComplaint(url)).passes, true);
});

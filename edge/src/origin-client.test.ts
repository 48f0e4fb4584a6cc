import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Fill } from './fill.ts';
import { NOTHING_KNOWN, OriginClient } from './origin-client.ts';
import type { LiveSource, LiveSources } from './upstream/live-sources.ts';

const SEGMENT = { kind: 'segment', stream: 'show', track: 'v', epoch: 'epoch0000', number: 1 } as const;
const MIB = 1024 * 1024;

function originAlone(url: string): Pick<LiveSources, 'of' | 'isOwn'> {
  const source: LiveSource = {
    url,
    kind: 'origin',
    headers: {},
    tellsStanding: false,
    doubt: () => undefined,
    ask: async (signal, work) => (await work(signal)).value,
  };
  return { of: () => [source].values(), isOwn: () => false };
}

/** Begins an answer that has no end. */
type Begin = (response: ServerResponse) => void;

const TOO_LARGE: Begin = (response) =>
  response.writeHead(200, { 'content-length': 100 * MIB }).write(Buffer.alloc(MIB));
const OTHER_RANGE: Begin = (response) => {
  response.writeHead(206, { 'content-length': MIB, 'content-range': `bytes 5-${MIB + 4}/${MIB + 5}` });
  response.write(Buffer.alloc(MIB / 2));
};
const NO_LENGTH: Begin = (response) => {
  response.useChunkedEncodingByDefault = false;
  response.writeHead(200, { connection: 'close' }).write(Buffer.alloc(MIB));
};
const LONG_PROBLEM: Begin = (response) =>
  response.writeHead(500, { 'content-length': MIB }).write(Buffer.alloc(MIB / 2));

test('what of an answer is not wanted is dropped, and its connection with it', async () => {
  const cases = [
    [TOO_LARGE, 'too-large', 1],
    [OTHER_RANGE, 'unavailable', 4],
    [NO_LENGTH, 'unavailable', 4],
    [LONG_PROBLEM, 'unavailable', 4],
  ] as const;
  for (const [begin, reason, attempts] of cases) {
    const closed: Promise<unknown>[] = [];
    await using server = createServer((request, response) => {
      closed.push(new Promise((resolve) => request.socket.once('close', resolve)));
      begin(response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const client = new OriginClient({ sources: originAlone(url), random: () => 0, onRetry: () => undefined });
    const fill = new Fill({ limitBytes: 2 * MIB, reserve: () => true });
    assert.deepEqual(await client.object(SEGMENT, fill, false), { kind: 'failed', reason });
    assert.equal(closed.length, attempts);
    if (begin === NO_LENGTH) {
      const answer = await client.timeline('show', NOTHING_KNOWN, new AbortController().signal);
      assert.equal(answer.kind, 'unreachable');
    }
    await Promise.all(closed);
    await client.close();
  }
});

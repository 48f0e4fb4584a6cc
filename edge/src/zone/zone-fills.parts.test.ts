/** Bodies on their way in, and those who read them: what each may hold, and whom that concerns. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempDisposable } from 'node:fs/promises';
import { type ClientRequest, type IncomingMessage, type ServerResponse, request } from 'node:http';
import { tmpdir } from 'node:os';
import { buffer } from 'node:stream/consumers';
import { join } from 'node:path';
import { test } from 'node:test';
import { ask, until } from '../edge-rig.ts';
import { SLICE_BYTES } from '../tiers/tier-entry.ts';
import { type ZoneRig, startZoneRig } from './zone-rig.ts';

const MINUTE = { 'cache-control': 'max-age=60' };
const LENGTH = 8 * SLICE_BYTES;
const BODY = Buffer.alloc(LENGTH, 'headwater ');

/** Begins an answer and leaves the rest to the test. */
function begun(held: ServerResponse[], headers = {}) {
  return (_: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(200, { ...MINUTE, 'content-length': LENGTH, ...headers });
    response.write(BODY.subarray(0, 1_000));
    held.push(response);
  };
}

test('a fill goes on when its first reader leaves, and who comes next finds it', async () => {
  const held: ServerResponse[] = [];
  await using rig = await startZoneRig(begun(held));
  const first = await open(rig, '/a');
  first.outgoing.destroy();
  held[0]?.end(BODY.subarray(1_000));
  await until(rig.edge, /^headwater_edge_zone_bodies 0$/m);
  const next = await ask(rig.edge, '/a');
  assert.ok(next.body.equals(BODY));
  assert.match(String(next.headers['cache-status']), /hit/);
  assert.equal(rig.asked.length, 1);
});

test('a body from disk is not held for who finds no place to wait', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-fills-'));
  await using rig = await startZoneRig(
    (_, response) => void response.writeHead(200, { ...MINUTE, etag: '"1"' }).end(BODY),
    {
      cacheDirectory: directory.path,
      limits: { waiters: 1 },
    },
  );
  await ask(rig.edge, '/a');
  await until(rig.edge, /^headwater_edge_zone_disk_queued_bytes 0$/m);
  await rig.restart();
  rig.answering = () => undefined;
  const waiting = request({ host: '127.0.0.1', port: rig.edge.port, path: '/b' })
    .on('error', () => undefined)
    .end();
  await until(rig.edge, /^headwater_edge_waiting 1$/m);
  assert.equal((await ask(rig.edge, '/a')).code, 'too_many_waiters');
  await until(rig.edge, /^headwater_edge_zone_bodies 0$/m);
  waiting.destroy();
});

test('what is longer than an object may be is fetched for nobody', async () => {
  const held: ServerResponse[] = [];
  const limits = { objectBytes: 2 * SLICE_BYTES };
  await using rig = await startZoneRig(begun(held, { etag: '"1"' }), { limits });
  const first = await open(rig, '/a');
  const closed = once(held[0] as ServerResponse, 'close');
  first.outgoing.destroy();
  await closed;
  await until(rig.edge, /^headwater_edge_zone_bodies 0$/m);
});

test('what is longer is fetched for nobody either when its viewer left before its head', async () => {
  const held: ServerResponse[] = [];
  const limits = { objectBytes: 2 * SLICE_BYTES };
  await using rig = await startZoneRig((_, response) => void held.push(response), { limits });
  const outgoing = request({ host: '127.0.0.1', port: rig.edge.port, path: '/a' }).end();
  outgoing.on('error', () => undefined);
  await until(rig.edge, /^headwater_edge_zone_fetches 1$/m);
  outgoing.destroy();
  await until(rig.edge, /^headwater_edge_waiting 0$/m);
  while (held.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const [response] = held.splice(0) as [ServerResponse];
  const closed = once(response, 'close');
  begun(held, { etag: '"1"' })({} as IncomingMessage, response);
  await closed;
  await until(rig.edge, /^headwater_edge_zone_bodies 0$/m);
});

test('a reader that takes nothing holds up nobody', async () => {
  const held: ServerResponse[] = [];
  await using rig = await startZoneRig(begun(held));
  const stopped = await open(rig, '/a');
  const others = Array.from({ length: 10 }, () => ask(rig.edge, '/a'));
  held[0]?.end(BODY.subarray(1_000));
  for (const { body } of await Promise.all(others)) assert.ok(body.equals(BODY));
  stopped.outgoing.destroy();
});

for (const slices of [2, 100]) {
  test(`what is longer than ${slices} slices comes in no faster than its foremost reader reads`, async () => {
    const limits = { objectBytes: slices * SLICE_BYTES };
    const body = Buffer.alloc(128 * SLICE_BYTES, 7);
    let taken = 0;
    await using rig = await startZoneRig(
      (_, response) => {
        response.writeHead(200, { ...MINUTE, 'content-length': body.length, etag: '"1"' });
        const more = (): void => {
          while (taken < body.length) {
            taken += 65_536;
            if (!response.write(body.subarray(taken - 65_536, taken))) return void response.once('drain', more);
          }
          response.end();
        };
        more();
      },
      { limits },
    );
    const reader = await open(rig, '/a');
    await settled(() => taken);
    // Eight slices, and what connections on both sides hold.
    assert.ok(taken < 30 * SLICE_BYTES, `${taken} bytes were taken`);
    reader.response.resume();
    await once(reader.response, 'end');
    assert.ok(reader.response.complete);
  });
}

test('a part from the far end of a long object comes in as soon as it is read', async () => {
  const held: ServerResponse[] = [];
  const limits = { objectBytes: 2 * SLICE_BYTES };
  const from = 5 * SLICE_BYTES;
  await using rig = await startZoneRig(
    (_, response) => {
      const range = `bytes ${from}-${from + SLICE_BYTES - 1}/${LENGTH}`;
      response.writeHead(206, { ...MINUTE, etag: '"1"', 'content-range': range, 'content-length': SLICE_BYTES });
      // Before its reader is told where to read.
      response.write(BODY.subarray(from, from + 1_000));
      held.push(response);
    },
    { limits },
  );
  const headers = { range: `bytes=${from + 500_000}-${from + SLICE_BYTES - 1}` };
  const going = ask(rig.edge, '/a', { headers });
  await until(rig.edge, /^headwater_edge_zone_pinned_bytes [1-9]/m);
  held[0]?.end(BODY.subarray(from + 1_000, from + SLICE_BYTES));
  assert.ok((await going).body.equals(BODY.subarray(from + 500_000, from + SLICE_BYTES)));
});

test('one fetch more than may be at once is refused, and costs the others nothing', async () => {
  const held: ServerResponse[] = [];
  await using rig = await startZoneRig((_, response) => void held.push(response), { limits: { fills: 2 } });
  const going = [ask(rig.edge, '/1'), ask(rig.edge, '/2')];
  await until(rig.edge, /^headwater_edge_zone_fetches 2$/m);
  const refused = await ask(rig.edge, '/3');
  assert.equal(refused.status, 503);
  assert.equal(refused.code, 'too_many_waiters');
  while (held.length < 2) await ask(rig.edge, '/healthz');
  for (const response of held) response.writeHead(200, MINUTE).end('done');
  for (const { text } of await Promise.all(going)) assert.equal(text, 'done');
});

test('a body for which there is no memory is cut off, never ended short', async () => {
  const held: ServerResponse[] = [];
  await using rig = await startZoneRig(begun(held), { limits: { fillBytes: 3 * SLICE_BYTES } });
  const going = ask(rig.edge, '/a');
  while (held.length === 0) await ask(rig.edge, '/healthz');
  held[0]?.on('error', () => undefined);
  held[0]?.end(BODY.subarray(1_000));
  assert.equal((await going).complete, false);
  await until(rig.edge, /^headwater_edge_zone_pinned_bytes 0$/m);
});

for (const headers of [{ etag: '"1"' }, {}] as const) {
  const what = 'etag' in headers ? 'can be fetched again' : 'cannot be fetched again';
  test(`readers who take nothing of what ${what} leave memory for others, and get the whole of it`, async () => {
    const limits = { fillBytes: 3 * LENGTH };
    await using rig = await startZoneRig(
      (_, response) => void response.writeHead(200, { ...MINUTE, ...headers, 'content-length': LENGTH }).end(BODY),
      { limits },
    );
    const stopped: Open[] = [];
    for (let at = 0; at < 8; at += 1) {
      stopped.push(await open(rig, `/${at}`));
      await until(rig.edge, /^headwater_edge_zone_fetches 0$/m);
      const { body } = await ask(rig.edge, `/other/${at}`);
      assert.ok(body.equals(BODY), `beside ${at + 1}`);
    }
    for (const { response } of stopped) assert.ok((await buffer(response)).equals(BODY));
    assert.equal(rig.asked.length, 16, 'nothing was fetched again');
  });
}

test('who reads nothing of what has no end is cut off before others go without', async () => {
  const limits = { fillBytes: 4 * SLICE_BYTES, objectBytes: 2 * SLICE_BYTES };
  await using rig = await startZoneRig(
    ({ url }, response) => {
      response.writeHead(200, MINUTE);
      if (url === '/short') return void response.end(BODY.subarray(0, SLICE_BYTES));
      const more = (): void => {
        while (!response.destroyed && response.write(BODY)) continue;
      };
      response.on('drain', more);
      more();
    },
    { limits },
  );
  const stopped: Open[] = [];
  for (let at = 0; at < 4; at += 1) {
    stopped.push(await open(rig, `/endless/${at}`));
    // Until its connection takes no more it is no slow reader.
    for (let still = 0; still < 20;) still = (await waitingAnswers(rig)) > 0 ? still + 1 : 0;
    const { complete, body } = await ask(rig.edge, '/short', { headers: { 'cache-control': 'no-cache' } });
    assert.ok(complete && body.length === SLICE_BYTES, `beside ${at + 1}`);
  }
  for (const { outgoing } of stopped) outgoing.destroy();
});

test('an origin that answers a resumption with the whole is read from where it stopped', async () => {
  await using rig = await startZoneRig((_, response) => {
    response.writeHead(200, { ...MINUTE, 'content-length': LENGTH, etag: '"1"' });
    response.write(BODY.subarray(0, 3_000_000), () => response.destroy());
    rig.answering = (__, again) => {
      again.writeHead(200, { ...MINUTE, 'content-length': LENGTH, etag: '"1"' });
      again.end(BODY);
    };
  });
  const { body, complete } = await ask(rig.edge, '/a');
  assert.ok(complete && body.equals(BODY));
});

async function waitingAnswers(rig: ZoneRig): Promise<number> {
  const { text } = await ask({ port: rig.edge.adminPort }, '/metrics');
  return Number(/^headwater_edge_unsent_answers (\d+)$/m.exec(text)?.[1]);
}

interface Open {
  readonly outgoing: ClientRequest;
  readonly response: IncomingMessage;
}

/** Has the head, and reads nothing. */
async function open(rig: ZoneRig, path: string): Promise<Open> {
  const outgoing = request({ host: '127.0.0.1', port: rig.edge.port, path }).end();
  outgoing.on('error', () => undefined);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  return { outgoing, response: response.pause() };
}

/** Until a number has stood still for many turns of the event loop. */
async function settled(read: () => number): Promise<void> {
  for (let still = 0, last = read(); still < 500; still += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    if (read() === last) continue;
    last = read();
    still = 0;
  }
}

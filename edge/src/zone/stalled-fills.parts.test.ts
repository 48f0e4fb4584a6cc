/** Fills of long objects whose readers take nothing: they keep nobody else from theirs, and go on where they stopped. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Stream, connect as connectH2 } from 'node:http2';
import { type IncomingMessage, type ServerResponse, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { ask } from '../edge-rig.ts';
import { TlsFolder } from '../secure-rig.ts';
import { SLICE_BYTES } from '../tiers/tier-entry.ts';
import { STALLED_FILLS } from './stalled-fills.ts';
import { type ZoneRig, startZoneRig } from './zone-rig.ts';

/** More than the kernel takes for who reads nothing, and more than may be pinned of it. */
const LENGTH = 16 * SLICE_BYTES;
const BODY = Buffer.alloc(LENGTH, 'headwater ');
const SHORT = BODY.subarray(0, SLICE_BYTES);

const MINUTES = { 'cache-control': 'max-age=600' };

/** Long objects but for `/short/…`, with ranges. */
function ranged({ url, headers }: IncomingMessage, response: ServerResponse): void {
  const whole = url?.startsWith('/short/') === true ? SHORT : BODY;
  const fields = { ...MINUTES, etag: '"1"', 'accept-ranges': 'bytes' };
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
  if (first === undefined || headers['if-range'] !== fields.etag) {
    response.writeHead(200, { ...fields, 'content-length': whole.length });
    return void response.end(whole);
  }
  const part = whole.subarray(Number(first), Number(last) + 1);
  const range = `bytes ${first}-${last}/${whole.length}`;
  response.writeHead(206, { ...fields, 'content-length': part.length, 'content-range': range });
  response.end(part);
}

/** The same without a validator, and the long ones without a length. */
function untagged({ url }: IncomingMessage, response: ServerResponse): void {
  const isShort = url?.startsWith('/short/') === true;
  response.writeHead(200, { ...MINUTES, ...(isShort ? { 'content-length': SHORT.length } : {}) });
  response.end(isShort ? SHORT : BODY);
}

/** Asks, has the head, and takes nothing more. */
async function stick(rig: ZoneRig, path: string): Promise<IncomingMessage> {
  const outgoing = request({ host: '127.0.0.1', port: rig.edge.port, path }).end();
  outgoing.on('error', () => undefined);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return response.on('error', () => undefined).pause();
}

async function metric(rig: ZoneRig, name: string): Promise<number> {
  const { text } = await ask({ port: rig.edge.adminPort }, '/metrics');
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
}

/** Until answers wait for their connections, as many as there are, and go on to. */
async function areStuck(rig: ZoneRig): Promise<void> {
  for (let still = 0, before = 0; still < 10;) {
    const waiting = await metric(rig, 'headwater_edge_unsent_answers');
    still = waiting > 0 && waiting === before ? still + 1 : 0;
    before = waiting;
  }
}

const FILL_SLICES = 4;
const NARROW = { fillBytes: FILL_SLICES * SLICE_BYTES, objectBytes: 2 * SLICE_BYTES };

/** As many stalled fills as there is memory for, and one more; beside each somebody else is served. */
async function stickMoreThanFit(rig: ZoneRig): Promise<IncomingMessage[]> {
  const stuck: IncomingMessage[] = [];
  for (let at = 0; at <= FILL_SLICES; at += 1) {
    stuck.push(await stick(rig, `/${at}`));
    await areStuck(rig);
    const { complete, body } = await ask(rig.edge, `/short/${at}`);
    assert.ok(complete && body.equals(SHORT), `beside ${at + 1}`);
  }
  return stuck;
}

test(
  'as many stalled fills as there is memory for, and one more, leave memory for others, and all are whole in the end',
  { timeout: 60_000 },
  async () => {
    await using rig = await startZoneRig(ranged, { limits: NARROW });
    for (const response of await stickMoreThanFit(rig)) assert.ok((await buffer(response)).equals(BODY));
  },
);

test('stalled fills that cannot be taken up again are cut, the first of them first', { timeout: 60_000 }, async () => {
  await using rig = await startZoneRig(untagged, { limits: NARROW });
  const stuck = await stickMoreThanFit(rig);
  const ends = await Promise.all(stuck.map((response) => buffer(response).catch(() => null)));
  assert.ok(
    ends.every((body) => body?.equals(BODY) !== false),
    'none ended short as if it were whole',
  );
  assert.equal(ends[0], null, 'the first was cut');
});

test(
  'so many fills wait for readers at once; of one more the first is let go, and taken up when it is read',
  { timeout: 60_000 },
  async () => {
    await using folder = await TlsFolder.make();
    const open = new Map<string, ServerResponse>();
    const ranges: string[] = [];
    // Enough that its reader is far behind; the rest is never sent on a connection that is not read.
    const begun = ({ url = '', headers }: IncomingMessage, response: ServerResponse): void => {
      if (headers.range !== undefined) {
        ranges.push(`${url} ${headers.range}`);
        return ranged({ url, headers } as IncomingMessage, response);
      }
      response.writeHead(200, { ...MINUTES, etag: '"1"', 'accept-ranges': 'bytes', 'content-length': LENGTH });
      response.write(BODY.subarray(0, 4 * SLICE_BYTES));
      open.set(url, response);
      response.on('close', () => open.delete(url));
    };
    const limits = { objectBytes: 2 * SLICE_BYTES };
    await using rig = await startZoneRig(begun, { limits, tlsFiles: [await folder.add('edge.example')] });
    const settings = { initialWindowSize: 0 };
    const session = connectH2(`https://127.0.0.1:${rig.edge.port}`, { rejectUnauthorized: false, settings });
    await once(session, 'connect');
    const streams: ClientHttp2Stream[] = [];
    const openOne = async (at: number): Promise<void> => {
      const stream = session.request({ ':path': `/${at}` });
      await once(stream, 'response');
      streams.push(stream);
    };
    await openOne(0);
    await areStuck(rig);
    for (let at = 1; at < STALLED_FILLS; at += 1) await openOne(at);
    await areStuck(rig);
    assert.equal(open.size, STALLED_FILLS);
    await openOne(STALLED_FILLS);
    while (open.has('/0')) await new Promise(setImmediate);
    await areStuck(rig);
    assert.equal(open.size, STALLED_FILLS, 'and no other');
    session.settings({ initialWindowSize: 2 ** 30 });
    for (const stream of streams.slice(1)) stream.close();
    assert.ok((await buffer(streams[0] ?? assert.fail())).equals(BODY));
    assert.ok(ranges.length > 0 && ranges.every((range) => range.startsWith('/0 ')));
    session.destroy();
  },
);

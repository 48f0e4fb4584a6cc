import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { test } from 'node:test';
import { ManualClock, systemClock } from '@headwater/service/clock';
import { createLog } from '@headwater/service/log';
import { Metrics } from '@headwater/service/metrics';
import type { PublishDesk, PublishEnd, PublishPacket, PublishRequest } from '../publish.ts';
import { type RtmpListenerOptions, createRtmpListener } from './listener.ts';
import { C0_C1, amf0, untilPublish } from './raw-rtmp.ts';
import { DEFAULT_RTMP_LIMITS, LINGER_MS } from './rtmp-limits.ts';
import { makeSelfSigned } from '@headwater/service/self-signed';

/** A desk that admits the holder of the key `good` and keeps what it is sent. */
class TestDesk implements PublishDesk {
  readonly requests: PublishRequest[] = [];
  readonly packets: PublishPacket[] = [];
  readonly ended = Promise.withResolvers<string>();
  refuses: (packet: PublishPacket) => boolean = () => false;

  open(request: PublishRequest): ReturnType<PublishDesk['open']> {
    this.requests.push(request);
    if (request.key !== 'good') return Promise.resolve({ ok: false, code: 'publish_denied' });
    const closed = Promise.withResolvers<PublishEnd>();
    const sink = {
      write: (packet: PublishPacket) => {
        if (this.refuses(packet)) closed.resolve({ reason: 'not this one', refusal: 'codec_unsupported' });
        return this.packets.push(packet) > 0;
      },
      drained: () => Promise.resolve(),
      close: (reason: string) => this.ended.resolve(reason),
      closed: closed.promise,
    };
    return Promise.resolve({ ok: true, sink });
  }
}

function startListener(desk: PublishDesk, overrides: Partial<RtmpListenerOptions> = {}) {
  const lines: string[] = [];
  const metrics = new Metrics();
  const log = createLog({ service: 'test', level: 'debug', nowMs: () => 0, write: (line) => void lines.push(line) });
  const listening = createRtmpListener({
    port: 0,
    host: '127.0.0.1',
    limits: DEFAULT_RTMP_LIMITS,
    desk,
    log,
    metrics,
    clock: systemClock,
    ...overrides,
  });
  return { listening, lines, metrics };
}

/** Publishes 50 frames of video and 2 s of audio. */
function publish(url: string) {
  const source = ['-re', '-f', 'lavfi', '-i', 'testsrc=size=64x64:rate=25', '-f', 'lavfi', '-i', 'sine'];
  const codecs = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-c:a', 'aac'];
  const child = spawn('ffmpeg', ['-v', 'error', ...source, '-t', '2', ...codecs, '-f', 'flv', url]);
  let complaints = '';
  child.stderr.on('data', (bytes: Buffer) => {
    complaints += String(bytes);
  });
  return once(child, 'close').then(([code]) => ({ code: code as number, complaints }));
}

function assertWholePublish(desk: TestDesk): void {
  const frames = desk.packets.filter((packet) => packet.kind === 'video' && packet.payload[1] === 1);
  assert.equal(frames.length, 50);
  assert.deepEqual(
    frames.map((frame) => frame.timestampMs),
    frames.map((_, index) => (frames[0] as PublishPacket).timestampMs + index * 40),
  );
  assert.ok(desk.packets.filter((packet) => packet.kind === 'audio').length > 80);
  const metadata = desk.packets.find((packet) => packet.kind === 'data');
  assert.deepEqual(Buffer.from(metadata?.payload ?? []).subarray(0, 13), amf0('onMetaData'));
}

test('ffmpeg publishes by RTMP: every frame arrives, in time', async () => {
  const desk = new TestDesk();
  const { listening, metrics } = startListener(desk);
  await using listener = await listening;
  const { code, complaints } = await publish(`rtmp://127.0.0.1:${listener.port}/live/show?key=good`);
  assert.equal(complaints, '');
  assert.equal(code, 0);
  assert.equal(await desk.ended.promise, 'unpublished');
  assert.deepEqual(desk.requests, [{ stream: 'show', key: 'good', remoteAddress: '127.0.0.1' }]);
  assertWholePublish(desk);
  assert.match(metrics.format(), /headwater_rtmp_packets_total\{kind="video"\} 5[12]/);
  assert.match(metrics.format(), /headwater_rtmp_publishers 0/);
});

test('ffmpeg publishes by RTMPS', async () => {
  const desk = new TestDesk();
  const tls = makeSelfSigned(['127.0.0.1'], Date.now());
  const { listening } = startListener(desk, { tlsPort: 0, tls });
  await using listener = await listening;
  const { code, complaints } = await publish(`rtmps://127.0.0.1:${listener.tlsPort}/live/show?key=good`);
  assert.equal(complaints, '');
  assert.equal(code, 0);
  assert.equal(await desk.ended.promise, 'unpublished');
  assertWholePublish(desk);
});

test('ffmpeg with a wrong key is told so, and none of its frames is taken', async () => {
  const desk = new TestDesk();
  const { listening, lines, metrics } = startListener(desk);
  await using listener = await listening;
  const { code, complaints } = await publish(`rtmp://127.0.0.1:${listener.port}/live/show?key=bad`);
  assert.notEqual(code, 0);
  assert.match(complaints, /Server error: publish_denied/);
  assert.deepEqual(desk.packets, []);
  assert.equal(lines.filter((line) => line.includes('"event":"rtmp_refused"')).length, 1);
  assert.match(metrics.format(), /headwater_rtmp_refused_total\{code="publish_denied"\} 1/);
  assert.ok(!lines.join('').includes('key=bad'));
});

test('ffmpeg with a codec that is not taken is told the code', async () => {
  const desk = new TestDesk();
  desk.refuses = (packet) => packet.kind === 'video';
  const { listening, metrics } = startListener(desk);
  await using listener = await listening;
  const { code, complaints } = await publish(`rtmp://127.0.0.1:${listener.port}/live/show?key=good`);
  assert.notEqual(code, 0);
  assert.match(complaints, /Server error: codec_unsupported: not this one/);
  assert.match(metrics.format(), /headwater_rtmp_refused_total\{code="codec_unsupported"\} 1/);
});

/** Lets events come until they have brought about what is waited for; the test's own timeout bounds it. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

/** Resolves when the server has closed the connection, with what it sent. */
async function untilClosed(socket: Socket): Promise<number> {
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  // A reset is as good an end as any here.
  socket.on('error', () => undefined);
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
  return bytes;
}

/** A connection that the server has taken in: it has answered the handshake. */
async function opened(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.write(C0_C1);
  await once(socket, 'data');
  return socket;
}

for (const [name, limits, code] of [
  ['of the process', { maxConnections: 2 }, 'connections'],
  ['of one address', { maxConnectionsPerAddress: { loopback: 2, elsewhere: 0 } }, 'connections_per_address'],
] as const) {
  test(`the connection over the cap ${name} is refused, the others stay`, async () => {
    const { listening, metrics } = startListener(new TestDesk(), { limits: { ...DEFAULT_RTMP_LIMITS, ...limits } });
    await using listener = await listening;
    const held = [await opened(listener.port), await opened(listener.port)];
    assert.equal(await untilClosed(connect(listener.port, '127.0.0.1')), 0);
    assert.match(metrics.format(), new RegExp(`headwater_rtmp_refused_total\\{code="${code}"\\} 1`));
    assert.match(metrics.format(), /headwater_rtmp_connections 2/);
    for (const socket of held) assert.ok(!socket.destroyed);
    const [first] = held as [Socket];
    first.destroy();
    await until(() => metrics.format().includes('headwater_rtmp_connections 1'));
    (await opened(listener.port)).destroy();
    held[1]?.destroy();
  });
}

test('deadlines are looked at without any traffic', async () => {
  const clock = new ManualClock(0);
  const { listening, metrics } = startListener(new TestDesk(), { clock });
  await using listener = await listening;
  const socket = await opened(listener.port);
  clock.advance(DEFAULT_RTMP_LIMITS.publishDeadlineMs);
  await untilClosed(socket);
  assert.match(metrics.format(), /refused_total\{code="handshake_deadline"\} 1/);
});

test('what is no TLS is refused on the RTMPS port', async () => {
  const tls = makeSelfSigned(['127.0.0.1'], Date.now());
  const { listening, metrics } = startListener(new TestDesk(), { tlsPort: 0, tls });
  await using listener = await listening;
  const socket = connect(listener.tlsPort as number, '127.0.0.1');
  socket.write(C0_C1);
  await untilClosed(socket);
  assert.match(metrics.format(), /refused_total\{code="tls_handshake"\} 1/);
  assert.match(metrics.format(), /headwater_rtmp_connections 0/);
});

test('a TLS handshake that never comes is ended by the deadline', async () => {
  const clock = new ManualClock(0);
  const tls = makeSelfSigned(['127.0.0.1'], Date.now());
  const { listening, metrics } = startListener(new TestDesk(), { tlsPort: 0, tls, clock });
  await using listener = await listening;
  const socket = connect(listener.tlsPort as number, '127.0.0.1');
  await once(socket, 'connect');
  const closed = untilClosed(socket);
  await until(() => metrics.format().includes('headwater_rtmp_connections 1'));
  clock.advance(DEFAULT_RTMP_LIMITS.publishDeadlineMs);
  await until(() => metrics.format().includes('code="handshake_deadline"'));
  clock.advance(LINGER_MS);
  await closed;
  assert.match(metrics.format(), /refused_total\{code="handshake_deadline"\} 1/);
});

test('disposing ends the publishers and frees the ports', async () => {
  const desk = new TestDesk();
  const { listening } = startListener(desk);
  const listener = await listening;
  const socket = connect(listener.port, '127.0.0.1');
  socket.write(untilPublish('show?key=good'));
  const closed = untilClosed(socket);
  await until(() => desk.requests.length > 0);
  await listener[Symbol.asyncDispose]();
  await closed;
  const again = startListener(desk, { port: listener.port });
  await (await again.listening)[Symbol.asyncDispose]();
});

test('a port that is taken is named', async () => {
  const { listening } = startListener(new TestDesk());
  await using listener = await listening;
  const { listening: second } = startListener(new TestDesk(), { port: listener.port });
  await assert.rejects(second, /HEADWATER_RTMP_PORT/);
  const tls = makeSelfSigned(['127.0.0.1'], Date.now());
  const { listening: third } = startListener(new TestDesk(), { tlsPort: listener.port, tls });
  await assert.rejects(third, /HEADWATER_RTMPS_PORT/);
});

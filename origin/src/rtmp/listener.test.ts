import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { systemClock } from '@headwater/service/clock';
import { createLog } from '@headwater/service/log';
import { Metrics } from '@headwater/service/metrics';
import type { PublishDesk, PublishPacket, PublishRequest } from '../publish.ts';
import { type RtmpListenerOptions, createRtmpListener } from './listener.ts';
import { amf0 } from './raw-rtmp.ts';
import { DEFAULT_RTMP_LIMITS } from './rtmp-limits.ts';
import { makeSelfSigned } from './self-signed.ts';

/** A desk that admits the holder of the key `good` and keeps what it is sent. */
class TestDesk implements PublishDesk {
  readonly requests: PublishRequest[] = [];
  readonly packets: PublishPacket[] = [];
  readonly ended = Promise.withResolvers<string>();

  open(request: PublishRequest): ReturnType<PublishDesk['open']> {
    this.requests.push(request);
    if (request.key !== 'good') return Promise.resolve({ ok: false, code: 'publish_denied' });
    const sink = {
      write: (packet: PublishPacket) => this.packets.push(packet) > 0,
      drained: () => Promise.resolve(),
      close: (reason: string) => this.ended.resolve(reason),
      closed: new Promise<string>(() => undefined),
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

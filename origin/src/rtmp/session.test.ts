import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type Duplex, duplexPair } from 'node:stream';
import { beforeEach, test } from 'node:test';
import { ManualClock } from '@headwater/service/clock';
import { createLog } from '@headwater/service/log';
import { Metrics } from '@headwater/service/metrics';
import type { PublishDecision, PublishDesk, PublishEnd, PublishPacket, PublishRequest } from '../publish.ts';
import {
  C0_C1,
  C2,
  amf0,
  audio,
  command,
  connectCommand,
  message,
  prepareCommands,
  publishCommand,
  untilPublish,
  video,
} from './raw-rtmp.ts';
import { createRtmpEvents } from './rtmp-events.ts';
import {
  DECISION_DEADLINE_MS,
  DEFAULT_RTMP_LIMITS,
  HOLD_BACK_LIMIT_MS,
  LINGER_MS,
  MAX_COMMANDS_BEFORE_PUBLISH,
  MAX_MESSAGES_AWAITING_DECISION,
  MAX_OUTBOUND_BYTES,
} from './rtmp-limits.ts';
import { RtmpSession } from './session.ts';

const { publishDeadlineMs, idleMs } = DEFAULT_RTMP_LIMITS;

/** The stream's end of a publish, in the test's hands. */
class TestSink {
  readonly packets: PublishPacket[] = [];
  readonly closedWith = Promise.withResolvers<string>();
  readonly ended = Promise.withResolvers<PublishEnd>();
  draining = Promise.withResolvers<void>();
  accepts = true;

  readonly closed = this.ended.promise;
  readonly write = (packet: PublishPacket) => this.packets.push(packet) > 0 && this.accepts;
  readonly drained = () => this.draining.promise;
  readonly close = (reason: string) => this.closedWith.resolve(reason);
}

let clock: ManualClock;
let lines: string[];
let sink: TestSink;
/** what the desk was asked, and the answer that it waits for */
let asked: ReturnType<typeof Promise.withResolvers<PublishRequest>>;
let decided: ReturnType<typeof Promise.withResolvers<PublishDecision>>;
let session: RtmpSession;
let ours: Duplex;
let theirs: Duplex;
let told: Buffer[];

beforeEach(() => {
  clock = new ManualClock(1_000);
  lines = [];
  sink = new TestSink();
  asked = Promise.withResolvers();
  decided = Promise.withResolvers();
  [ours, theirs] = duplexPair();
  told = [];
  theirs.on('data', (bytes: Buffer) => told.push(bytes));
  const desk: PublishDesk = {
    open(request) {
      asked.resolve(request);
      return decided.promise;
    },
  };
  const log = createLog({ service: 'test', level: 'debug', nowMs: () => 0, write: (line) => void lines.push(line) });
  const peer = { connection: 1, address: '192.0.2.1', transport: 'rtmp' } as const;
  const events = createRtmpEvents(log, new Metrics());
  session = new RtmpSession({ socket: ours, peer, limits: DEFAULT_RTMP_LIMITS, desk, events, clock });
});

/** Writes, and waits until the session's side has taken it all or is gone. */
async function send(...bytes: Buffer[]): Promise<void> {
  const written = Promise.withResolvers<void>();
  theirs.write(Buffer.concat(bytes), () => written.resolve());
  await Promise.race([written.promise, session.closed]);
}

/** Goes on air. */
async function publish(): Promise<void> {
  await send(untilPublish('show?key=secret'));
  await asked.promise;
  decided.resolve({ ok: true, sink });
  await turn();
  assert.match(heard(), /NetStream\.Publish\.Start/);
}

/** Lets what has been written or settled take effect. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function heard(): string {
  return Buffer.concat(told).toString('latin1');
}

function passes(ms: number): void {
  clock.advance(ms);
  session.checkDeadline();
}

/** The session is over, having refused its peer for one reason. */
async function assertRefused(code: string): Promise<void> {
  passes(LINGER_MS);
  await session.closed;
  const refusals = lines.filter((line) => line.includes('"event":"rtmp_refused"'));
  assert.equal(refusals.length, 1, lines.join(''));
  assert.equal((JSON.parse(refusals[0] as string) as { code: string }).code, code);
}

function mediaTimes(): [kind: string, ms: number][] {
  return sink.packets.map(({ kind, timestampMs }) => [kind, timestampMs]);
}

test('the whole life of a publish', async () => {
  await send(untilPublish('show?key=secret'));
  assert.deepEqual(await asked.promise, { stream: 'show', key: 'secret', remoteAddress: '192.0.2.1' });
  assert.ok(ours.isPaused());
  decided.resolve({ ok: true, sink });
  await turn();
  assert.match(heard(), /NetConnection\.Connect\.Success.*NetStream\.Publish\.Start/s);
  await send(audio(10, 5), video(500, 7), message({ type: 18, body: amf0('onMetaData', {}) }));
  assert.deepEqual(mediaTimes(), [
    ['audio', 5],
    ['video', 7],
    ['data', 0],
  ]);
  await send(command(['FCUnpublish', 6, null, 'show']), command(['deleteStream', 7, null, 1]), audio(10, 9));
  assert.equal(await sink.closedWith.promise, 'unpublished');
  assert.equal(sink.packets.length, 3);
  assert.match(heard(), /NetStream\.Unpublish\.Success/);
  theirs.end();
  await session.closed;
  assert.ok(!lines.join('').includes('secret'));
});

for (const name of ['FCUnpublish', 'closeStream', 'deleteStream']) {
  test(`${name} ends the publish`, async () => {
    await publish();
    await send(command([name, 6, null, 1]));
    assert.equal(await sink.closedWith.promise, 'unpublished');
  });
}

test('a publisher that hangs up ends its publish', async () => {
  await publish();
  theirs.destroy();
  assert.equal(await sink.closedWith.promise, 'disconnected');
});

test('handshake deadline', async () => {
  await send(C0_C1);
  passes(publishDeadlineMs - 1);
  assert.ok(!ours.writableEnded);
  passes(1);
  await assertRefused('handshake_deadline');
});

test('publish deadline', async () => {
  await send(C0_C1, C2, connectCommand(), prepareCommands('show'));
  passes(publishDeadlineMs - 1);
  assert.ok(!ours.writableEnded);
  passes(1);
  await assertRefused('publish_deadline');
});

test('deadline of the decision; a late yes is given back', async () => {
  await send(untilPublish('show?key=k'));
  passes(DECISION_DEADLINE_MS - 1);
  assert.ok(!ours.writableEnded);
  passes(1);
  await turn();
  assert.match(heard(), /NetStream\.Publish\.Denied/);
  await assertRefused('not_ready');
  decided.resolve({ ok: true, sink });
  assert.match(await sink.closedWith.promise, /left/);
  assert.deepEqual(sink.packets, []);
});

test('idle deadline: bytes that are no media do not count', async () => {
  await publish();
  passes(idleMs - 1);
  await send(audio(10));
  passes(idleMs - 1);
  await send(command(['_checkbw', 9, null]), video(1_000).subarray(0, 100));
  assert.ok(!ours.writableEnded);
  passes(1);
  assert.equal(await sink.closedWith.promise, 'idle');
  passes(LINGER_MS);
  await session.closed;
});

test('a peer that does not hang up is cut off', async () => {
  await publish();
  await send(command(['deleteStream', 6, null, 1]));
  passes(LINGER_MS - 1);
  assert.ok(!ours.destroyed);
  passes(1);
  assert.ok(ours.destroyed);
  await session.closed;
});

test('a refused publisher is told so, and none of its frames is taken', async () => {
  await send(untilPublish('show?key=wrong'), audio(10), video(1_000));
  decided.resolve({ ok: false, code: 'publish_denied' });
  await turn();
  assert.match(heard(), /NetStream\.Publish\.Denied.*publish_denied/s);
  await send(audio(10, 20), video(1_000, 20));
  await assertRefused('publish_denied');
  assert.deepEqual(sink.packets, []);
});

test('a claimed stream is refused with the name that encoders know', async () => {
  await send(untilPublish('show?key=k'));
  decided.resolve({ ok: false, code: 'stream_claimed' });
  await turn();
  assert.match(heard(), /NetStream\.Publish\.BadName/);
  await assertRefused('stream_claimed');
});

test('media that comes with the publish command waits for the decision', async () => {
  await send(untilPublish('show?key=k'), audio(10, 1), video(10, 2));
  assert.deepEqual(sink.packets, []);
  decided.resolve({ ok: true, sink });
  await turn();
  await send(audio(10, 3));
  assert.deepEqual(mediaTimes(), [
    ['audio', 1],
    ['video', 2],
    ['audio', 3],
  ]);
});

test('only so much media may wait for the decision', async () => {
  const waiting = Array.from({ length: MAX_MESSAGES_AWAITING_DECISION }, (_, index) => audio(3, index));
  await send(untilPublish('show?key=k'), ...waiting, audio(3));
  await assertRefused('messages_before_decision');
});

test('as much as may wait is taken', async () => {
  const waiting = Array.from({ length: MAX_MESSAGES_AWAITING_DECISION }, (_, index) => audio(3, index));
  await send(untilPublish('show?key=k'), ...waiting);
  decided.resolve({ ok: true, sink });
  await turn();
  assert.equal(sink.packets.length, MAX_MESSAGES_AWAITING_DECISION);
});

test('a publisher that leaves while the desk decides gives its place back', async () => {
  await send(untilPublish('show?key=k'), command(['deleteStream', 6, null, 1]));
  decided.resolve({ ok: true, sink });
  assert.match(await sink.closedWith.promise, /left/);
});

test('media before publish', async () => {
  await send(C0_C1, C2, connectCommand(), prepareCommands('show'), video(10));
  await assertRefused('media_before_publish');
});

test('media before connect', async () => {
  await send(C0_C1, C2, audio(10));
  await assertRefused('media_before_publish');
});

test('a second publish on one connection ends the first', async () => {
  await publish();
  await send(publishCommand('other?key=k'));
  await assertRefused('publish_twice');
  assert.equal(await sink.closedWith.promise, 'publish_twice');
});

test('a second publish while the first is being decided', async () => {
  await send(untilPublish('show?key=k'), publishCommand('show?key=k'));
  await assertRefused('publish_twice');
});

for (const [name, early] of [
  ['createStream', command(['createStream', 1, null])],
  ['publish', publishCommand('show?key=k')],
  ['a second connect', Buffer.concat([connectCommand(), connectCommand()])],
] as const) {
  test(`commands out of order: ${name}`, async () => {
    await send(C0_C1, C2, early);
    await assertRefused('command_order');
  });
}

test('too many commands before a publish', async () => {
  const idle = Array.from({ length: MAX_COMMANDS_BEFORE_PUBLISH - 1 }, () => command(['_checkbw', 2, null]));
  await send(C0_C1, C2, connectCommand(), ...idle);
  assert.ok(!ours.destroyed);
  await send(command(['_checkbw', 2, null]));
  await assertRefused('commands_before_publish');
});

test('an unknown application', async () => {
  await send(C0_C1, C2, connectCommand('vod'));
  await assertRefused('unknown_app');
  assert.match(heard(), /_error.*NetConnection\.Connect\.Rejected/s);
});

test('a name that is no stream', async () => {
  await send(C0_C1, C2, connectCommand(), prepareCommands('x'), publishCommand('../etc?key=k'));
  await assertRefused('stream_name');
  assert.match(heard(), /NetStream\.Publish\.BadName/);
});

test('play', async () => {
  await send(C0_C1, C2, connectCommand(), command(['createStream', 2, null]), command(['play', 3, null, 'show'], 1));
  await assertRefused('play');
  assert.match(heard(), /NetStream\.Play\.Failed/);
});

test('AMF garbage ends this publisher', async () => {
  await publish();
  await send(message({ type: 20, body: Buffer.alloc(40, 0x0d), streamId: 0 }));
  await assertRefused('malformed');
  assert.equal(await sink.closedWith.promise, 'malformed');
});

test('back-pressure stops the reading until the sink has drained', async () => {
  await publish();
  sink.accepts = false;
  await send(video(100, 1));
  assert.ok(ours.isPaused());
  void send(video(100, 2));
  await turn();
  assert.equal(sink.packets.length, 1);
  passes(idleMs - 1);
  sink.accepts = true;
  sink.draining.resolve();
  await turn();
  assert.ok(!ours.isPaused());
  await turn();
  assert.equal(sink.packets.length, 2);
  passes(idleMs - 1);
  assert.ok(!ours.writableEnded);
});

test('a sink that does not drain loses its publisher', async () => {
  await publish();
  sink.accepts = false;
  await send(video(100, 1));
  passes(HOLD_BACK_LIMIT_MS - 1);
  assert.ok(!ours.writableEnded);
  passes(1);
  assert.equal(await sink.closedWith.promise, 'held_back');
});

test('the origin ends a publish and the publisher hears why', async () => {
  await publish();
  sink.ended.resolve({ reason: 'replaced' });
  assert.equal(await sink.closedWith.promise, 'replaced');
  await turn();
  assert.match(heard(), /NetStream\.Unpublish\.Success.*replaced/s);
});

test('a publisher whose media are not taken is told the code, and counted as refused', async () => {
  await publish();
  sink.ended.resolve({ reason: 'video of codec hvc1', refusal: 'codec_unsupported' });
  assert.equal(await sink.closedWith.promise, 'codec_unsupported');
  await turn();
  assert.match(heard(), /error.*NetStream\.Publish\.Rejected.*codec_unsupported: video of codec hvc1/s);
  await assertRefused('codec_unsupported');
});

test('a desk that fails refuses', async () => {
  await send(untilPublish('show?key=k'));
  decided.reject(new Error('desk'));
  await turn();
  await assertRefused('not_ready');
  assert.match(lines.join(''), /publish_failed.*desk/);
});

test('a sink that throws ends its publish', async () => {
  await publish();
  sink.packets.push = () => {
    throw new Error('sink');
  };
  await send(audio(10));
  assert.equal(await sink.closedWith.promise, 'the live pipeline failed');
  passes(LINGER_MS);
  await session.closed;
});

test('a drain that fails ends its publish', async () => {
  await publish();
  sink.accepts = false;
  await send(audio(10));
  sink.draining.reject(new Error('drain'));
  assert.equal(await sink.closedWith.promise, 'the live pipeline failed');
});

test('a peer that does not read our answers is cut off', async () => {
  await publish();
  theirs.pause();
  const ping = message({ type: 4, body: Buffer.of(0, 6, 0, 0, 0, 0), chunkStream: 2, streamId: 0 });
  const answerBytes = 18;
  const pings = Array.from({ length: Math.ceil((2 * MAX_OUTBOUND_BYTES) / answerBytes) }, () => ping);
  theirs.write(Buffer.concat(pings));
  await assertRefused('outbound_bytes');
});

test('timestamps go on past 2³² ms', async () => {
  await publish();
  const wrap = 2 ** 32;
  await send(video(10, wrap - 40), audio(10, wrap - 20), message({ type: 18, body: amf0('onMetaData', {}) }));
  await send(video(10, 0), audio(10, wrap - 1), video(10, 40));
  assert.deepEqual(mediaTimes(), [
    ['video', wrap - 40],
    ['audio', wrap - 20],
    ['data', wrap],
    ['video', wrap],
    ['audio', wrap - 1],
    ['video', wrap + 40],
  ]);
});

test('shutdown tells the publisher and lets go of the stream', async () => {
  await publish();
  session.shutdown();
  assert.equal(await sink.closedWith.promise, 'shutdown');
  const end = once(theirs, 'end');
  await end;
  theirs.end();
  await session.closed;
});

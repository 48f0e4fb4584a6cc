/**
 * Abuses a whole origin over real sockets while ffmpeg publishes on it, and judges. As a command:
 * `npm run abuse:rtmp -w @headwater/test -- --connections 100000 --seed 1`.
 */

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type Socket, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { nodeEnvironment } from '@headwater/cli/src/fleet-plan.ts';
import { readConfig } from '@headwater/control-plane/src/config.ts';
import { startControlPlane } from '@headwater/control-plane/src/start-control-plane.ts';
import { formatCmafPath } from '@headwater/protocol/cmaf-path';
import type { TimelineChange } from '@headwater/protocol/timeline';
import { childEnvironment } from '../fleet/config.ts';
import { ControlApi } from '../fleet/control-api.ts';
import { until } from '../fleet/until.ts';
import {
  type AbuseInput,
  CONNECTED,
  GOOD_STREAM,
  type Keys,
  PUBLISHED,
  type Step,
  type TargetReport,
  nextInput,
  seeded,
} from './rtmp-abuse-inputs.ts';

const AT_ONCE = 32;
/** Longer than any deadline of the origin: a connection that lives on is a finding. */
const CONNECTION_LIMIT_MS = 20_000;
/** The memory to compare with is read after this share of the connections, when every path has been taken. */
const WARM_UP_SHARE = 0.3;
/** So many that hostile publishers seldom stand in each other's way. */
const HOSTILE_STREAMS = 60;
const READY_DEADLINE_MS = 20_000;
const LADDER = { rungs: [{ height: 180, bitsPerSecond: 300_000 }], audioBitsPerSecond: 96_000 };

/** Short times, so that what hangs is cut within the run; a short window, so that it is full early. */
const TARGET_VARIABLES = {
  HEADWATER_NODE_ID: 'origin',
  HEADWATER_RTMP_PORT: '0',
  HEADWATER_RTMPS_PORT: '0',
  HEADWATER_ORIGIN_PORT: '0',
  HEADWATER_RTMP_PUBLISH_DEADLINE_MS: '2000',
  HEADWATER_RTMP_IDLE_MS: '5000',
  HEADWATER_PUBLISH_GRACE_MS: '1000',
  HEADWATER_LIVE_WINDOW_SEGMENTS: '6',
  HEADWATER_ORIGIN_MAX_STREAMS: '100',
};

export interface AbuseResult {
  readonly connections: number;
  readonly pastConnect: number;
  readonly pastPublish: number;
  readonly warm: TargetReport;
  readonly end: TargetReport;
  /** what the origin's own metrics say when everybody is gone */
  readonly metricsText: string;
  /** what ffmpeg sent, from the file that it wrote beside */
  readonly goodPackets: number;
  readonly goodHash: string;
  /** what an edge would have seen of the good publisher's stream before it ended */
  readonly goodStream: { readonly epochs: number; readonly gaps: number; readonly behindMs: number };
  readonly seconds: number;
}

/**
 * V8's young generation grows with the traffic up to its bound, and takes the buffers with it that wait to be collected. A
 * small bound is reached in the warm-up, so that what grows after it is memory that somebody holds.
 */
const TARGET_FLAGS = ['--expose-gc', '--max-semi-space-size=4'];

/** @throws when the process under abuse ends, or leaves a connection open past every deadline */
export async function abuse(options: { connections: number; seed: number }): Promise<AbuseResult> {
  const directory = await mkdtemp(join(tmpdir(), 'headwater-abuse-'));
  const secrets = {
    HEADWATER_DATA_DIR: directory,
    HEADWATER_ADMIN_TOKEN: randomBytes(16).toString('hex'),
    HEADWATER_JOIN_TOKEN: randomBytes(16).toString('hex'),
  };
  const plane = await startControlPlane(readConfig({ ...secrets, HEADWATER_CONTROL_PORT: '0' }), {
    writeLog: () => undefined,
  });
  const controlUrl = `http://127.0.0.1:${plane.port}`;
  const target = fork(fileURLToPath(new URL('rtmp-abuse-target.ts', import.meta.url)), [], {
    execArgv: TARGET_FLAGS,
    env: childEnvironment({
      ...nodeEnvironment('origin'),
      ...TARGET_VARIABLES,
      ...secrets,
      HEADWATER_CONTROL_URL: controlUrl,
    }),
  });
  try {
    const [ports] = (await once(target, 'message')) as [Ports];
    const keys = await prepare(new ControlApi(controlUrl, plane.adminToken));
    return await abuseTarget({ ...options, ...ports, keys, target, recording: join(directory, 'good.flv') });
  } finally {
    const gone = target.exitCode === null && target.signalCode === null ? once(target, 'exit') : null;
    if (target.connected) target.disconnect();
    await gone;
    await plane[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  }
}

interface Ports {
  readonly rtmpPort: number;
  readonly rtmpsPort: number;
  readonly httpPort: number;
}

/** Makes the streams, and waits until the origin may be asked for them. */
async function prepare(api: ControlApi): Promise<Keys> {
  const make = async (name: string): Promise<string> =>
    (await api.createStream({ name, policy: 'token', ladder: LADDER })).key;
  const hostile = new Map<string, string>();
  for (let index = 0; index < HOSTILE_STREAMS; index += 1)
    hostile.set(`hostile${index}`, await make(`hostile${index}`));
  const good = await make(GOOD_STREAM);
  await until('the origin to have joined', READY_DEADLINE_MS, async () =>
    (await api.nodes()).some(({ healthy }) => healthy),
  );
  return { good, hostile };
}

interface Campaign extends Ports {
  readonly connections: number;
  readonly seed: number;
  readonly keys: Keys;
  readonly target: ChildProcess;
  readonly recording: string;
}

async function abuseTarget(campaign: Campaign): Promise<AbuseResult> {
  const { connections, target, rtmpPort, keys, recording } = campaign;
  const startMs = Date.now();
  const died = once(target, 'exit').then(([code, signal]) => {
    throw new Error(`the origin's process ended: ${String(code ?? signal)}`);
  });
  died.catch(() => undefined);
  const publisher = startPublisher(`rtmp://127.0.0.1:${rtmpPort}/live/${GOOD_STREAM}?key=${keys.good}`, recording);
  try {
    const random = seeded(campaign.seed);
    const tally = { pastConnect: 0, pastPublish: 0 };
    const send = (count: number) => Promise.race([sendInputs(campaign, count, { random, tally }), died]);
    const report = (left: number) => Promise.race([askReport(campaign, left), died]);
    const warmUp = Math.ceil(connections * WARM_UP_SHARE);
    await send(warmUp);
    const warm = await report(1);
    await send(connections - warmUp);
    const loaded = await report(1);
    const goodStream = await lookAtGoodStream(campaign);
    await publisher.stop();
    const end = await report(0);
    const metricsText = await readText(campaign, '/metrics');
    const good = readRecording(await readFile(recording));
    const seconds = (Date.now() - startMs) / 1000;
    // The memory is the loaded one: with the good publisher, as in the warm report.
    const { rss, heapUsed, external } = loaded;
    return {
      connections,
      ...tally,
      warm,
      end: { ...end, rss, heapUsed, external },
      metricsText,
      ...good,
      goodStream,
      seconds,
    };
  } finally {
    await publisher.stop();
  }
}

async function readText({ httpPort }: Ports, path: string): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${httpPort}${path}`, {
    signal: AbortSignal.timeout(CONNECTION_LIMIT_MS),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
  return text;
}

/** As an edge: by the timeline. */
async function lookAtGoodStream(ports: Ports): Promise<AbuseResult['goodStream']> {
  const text = await readText(ports, formatCmafPath({ kind: 'timeline', stream: GOOD_STREAM }));
  const { timeline } = JSON.parse(text) as TimelineChange;
  const window = timeline.windows['v180'] ?? [];
  const gaps = window.slice(1).filter(({ number }, index) => number !== (window[index]?.number ?? NaN) + 1).length;
  const last = window.at(-1);
  const timescale = timeline.tracks.find(({ id }) => id === 'v180')?.timescale ?? NaN;
  const newestMs = last === undefined ? 0 : ((last.startTicks + last.durationTicks) * 1000) / timescale;
  return { epochs: timeline.epochs.length, gaps, behindMs: Date.now() - newestMs };
}

interface Progress {
  readonly random: () => number;
  readonly tally: { pastConnect: number; pastPublish: number };
}

async function sendInputs(campaign: Campaign, count: number, { random, tally }: Progress): Promise<void> {
  let left = count;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const input = nextInput(random, campaign.keys);
      const heard = await sendInput(input, input.secure ? campaign.rtmpsPort : campaign.rtmpPort);
      tally.pastConnect += Number(heard.includes(CONNECTED));
      tally.pastPublish += Number(heard.includes(PUBLISHED));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Plays one input and returns what the server answered. */
async function sendInput(input: AbuseInput, port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let heard = '';
  socket.setEncoding('latin1').on('data', (text: string) => {
    heard += text;
  });
  // The server may well hang up on us.
  socket.on('error', () => undefined);
  const closed = new Promise<'closed'>((resolve) => socket.once('close', () => resolve('closed')));
  const limit = AbortSignal.timeout(CONNECTION_LIMIT_MS);
  limit.addEventListener('abort', () => socket.destroy(new Error('left open')));
  for (const step of input.steps) {
    if (step.bytes.length > 0) socket.write(step.bytes);
    await Promise.race([answered(socket, step, () => heard).catch(() => closed), closed]);
  }
  if (input.finish === 'end') socket.end();
  if (input.finish === 'reset') socket.destroy();
  await closed;
  if (limit.aborted) throw new Error(`${input.name}: the connection was left open for ${CONNECTION_LIMIT_MS} ms`);
  return heard;
}

async function answered(socket: Socket, { until }: Step, heard: () => string): Promise<void> {
  if (until === null) return;
  while (!heard().includes(until)) await once(socket, 'data');
}

/** Waits until nobody is left but so many publishers, and asks for what was counted. */
async function askReport(campaign: Campaign, left: number): Promise<TargetReport> {
  await until('the hostile to be gone', CONNECTION_LIMIT_MS, async () => {
    const metrics = await readText(campaign, '/metrics');
    const counted = ['headwater_rtmp_connections', 'headwater_origin_streams'].map((name) =>
      Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(metrics)?.[1]),
    );
    return counted.every((count) => count <= left);
  });
  const answer = once(campaign.target, 'message');
  campaign.target.send('report');
  const [report] = (await answer) as [TargetReport];
  return report;
}

/** ffmpeg publishes and records what it publishes; stopping it lets it finish both. */
function startPublisher(url: string, recording: string): { stop(): Promise<void> } {
  const source = ['-re', '-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=30', '-f', 'lavfi', '-i', 'sine'];
  const codecs = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '60', '-c:a', 'aac'];
  const outputs = [
    '-map',
    '0:v',
    '-map',
    '1:a',
    '-flags',
    '+global_header',
    '-f',
    'tee',
    `[f=flv]${url}|[f=flv]${recording}`,
  ];
  const child = spawn('ffmpeg', ['-v', 'error', ...source, ...codecs, ...outputs], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const ended = once(child, 'close');
  return {
    async stop() {
      if (child.exitCode === null) child.stdin.end('q');
      await ended;
    },
  };
}

/** Reads the audio and video tags of an FLV file as the target hashes its packets. */
function readRecording(flv: Buffer): { goodPackets: number; goodHash: string } {
  const hash = createHash('sha256');
  let goodPackets = 0;
  for (let at = 13; at + 11 <= flv.length;) {
    const [type, length] = [flv[at], flv.readUIntBE(at + 1, 3)];
    const timestampMs = flv.readUIntBE(at + 4, 3) + (flv[at + 7] as number) * 2 ** 24;
    if (type === 8 || type === 9) {
      goodPackets += 1;
      hash
        .update(`${type === 8 ? 'audio' : 'video'} ${timestampMs} ${length} `)
        .update(flv.subarray(at + 11, at + 11 + length));
    }
    at += 11 + length + 4;
  }
  return { goodPackets, goodHash: hash.digest('hex') };
}

/** Memory after the run may exceed memory after the warm-up by this. */
const GROWTH_LIMIT = 1.1;
/** An edge that looks sees the newest part at most so late, on a machine that is busy with abuse. */
const BEHIND_LIMIT_MS = 5_000;

/** What did not hold; empty when all did. */
export function faultsOf(result: AbuseResult): string[] {
  const { connections, pastConnect, pastPublish, warm, end, goodStream } = result;
  const checks: [holds: boolean, fault: string][] = [
    [pastConnect >= connections / 2, `only ${pastConnect} got past connect: too few to tell`],
    [pastPublish >= connections / 10, `only ${pastPublish} got past an accepted publish: too few to tell`],
    // The good publisher and those that heard "Publish.Start" are all that the desk let in.
    [end.accepted >= pastPublish + 1, `${pastPublish} heard of a publish, the desk accepted ${end.accepted}`],
    [end.hostilePackets > 0, 'no hostile publisher got a frame in: too few to tell'],
    [end.refusedPackets === 0, `${end.refusedPackets} frames of refused publishers reached a stream`],
    [
      result.goodPackets > 0 && end.goodPackets === result.goodPackets,
      `${end.goodPackets} of ${result.goodPackets} good packets came`,
    ],
    [end.goodHash === result.goodHash, 'the good publisher’s packets came altered or out of order'],
    [
      goodStream.epochs === 1 && goodStream.gaps === 0,
      `the good stream has ${goodStream.epochs} epochs, ${goodStream.gaps} gaps`,
    ],
    [goodStream.behindMs < BEHIND_LIMIT_MS, `the good stream is ${goodStream.behindMs.toFixed(0)} ms behind`],
    [end.rss <= warm.rss * GROWTH_LIMIT, `the RSS grew from ${warm.rss} to ${end.rss}`],
    [end.heapUsed <= warm.heapUsed * GROWTH_LIMIT, `the heap grew from ${warm.heapUsed} to ${end.heapUsed}`],
    [/^headwater_rtmp_connections 0$/m.test(result.metricsText), 'connections are still counted'],
    [/^headwater_rtmp_publishers 0$/m.test(result.metricsText), 'publishers are still counted'],
    [/^headwater_origin_streams 0$/m.test(result.metricsText), 'streams are still on air'],
  ];
  return checks.flatMap(([holds, fault]) => (holds ? [] : [fault]));
}

/** Lines for people. */
function describe({ warm, end, goodStream, ...result }: AbuseResult): string {
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  return [
    `${result.connections} connections in ${result.seconds.toFixed(1)} s`,
    `${result.pastConnect} past connect, ${result.pastPublish} past an accepted publish`,
    `${end.hostilePackets} frames of hostile publishers, ${end.refusedPackets} of refused ones`,
    `good publisher: ${end.goodPackets} of ${result.goodPackets} packets, ${goodStream.behindMs.toFixed(0)} ms behind in the end`,
    `RSS ${mib(warm.rss)} → ${mib(end.rss)}, heap ${mib(warm.heapUsed)} → ${mib(end.heapUsed)}`,
    ...result.metricsText.split('\n').filter((line) => line.startsWith('headwater_rtmp_refused_total{')),
    '',
  ].join('\n');
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { connections: { type: 'string', default: '3000' }, seed: { type: 'string', default: '1' } },
  });
  const result = await abuse({ connections: Number(values.connections), seed: Number(values.seed) });
  const faults = faultsOf(result);
  process.stdout.write(describe(result));
  process.stdout.write(faults.length === 0 ? 'HELD\n' : faults.map((fault) => `BROKEN: ${fault}\n`).join(''));
  process.exitCode = faults.length === 0 ? 0 : 1;
}

/**
 * Abuses the RTMP listener over real sockets while ffmpeg publishes on it, and counts. As a command:
 * `npm run abuse:rtmp -w @headwater/test -- --connections 100000 --seed 1`.
 */

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type Socket, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  type AbuseInput,
  CONNECTED,
  GOOD_KEY,
  GOOD_STREAM,
  PUBLISHED,
  type Step,
  type TargetReport,
  nextInput,
  seeded,
} from './rtmp-abuse-inputs.ts';

const AT_ONCE = 32;
/** Longer than any deadline of the listener: a connection that lives on is a finding. */
const CONNECTION_LIMIT_MS = 20_000;
/** The memory to compare with is read after this share of the connections, when every path has been taken. */
const WARM_UP_SHARE = 0.3;

export interface AbuseResult {
  readonly connections: number;
  readonly pastConnect: number;
  readonly pastPublish: number;
  readonly warm: TargetReport;
  readonly end: TargetReport;
  /** what ffmpeg sent, from the file that it wrote beside */
  readonly goodPackets: number;
  readonly goodHash: string;
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
  const target = fork(fileURLToPath(new URL('rtmp-abuse-target.ts', import.meta.url)), [], {
    execArgv: TARGET_FLAGS,
  });
  try {
    const [ports] = (await once(target, 'message')) as [{ port: number; tlsPort: number }];
    return await abuseTarget({ ...options, ...ports, target, recording: join(directory, 'good.flv') });
  } finally {
    if (target.connected) target.disconnect();
    target.kill();
    await rm(directory, { recursive: true });
  }
}

interface Campaign {
  readonly connections: number;
  readonly seed: number;
  readonly port: number;
  readonly tlsPort: number;
  readonly target: ChildProcess;
  readonly recording: string;
}

async function abuseTarget(campaign: Campaign): Promise<AbuseResult> {
  const { connections, target, port, recording } = campaign;
  const startMs = Date.now();
  const died = once(target, 'exit').then(([code, signal]) => {
    throw new Error(`the listener's process ended: ${String(code ?? signal)}`);
  });
  died.catch(() => undefined);
  const publisher = startPublisher(`rtmp://127.0.0.1:${port}/live/${GOOD_STREAM}?key=${GOOD_KEY}`, recording);
  try {
    const random = seeded(campaign.seed);
    const tally = { pastConnect: 0, pastPublish: 0 };
    const send = (count: number) => Promise.race([sendInputs(campaign, count, { random, tally }), died]);
    const warmUp = Math.ceil(connections * WARM_UP_SHARE);
    await send(warmUp);
    const warm = await Promise.race([askReport(target, 1), died]);
    await send(connections - warmUp);
    const loaded = await Promise.race([askReport(target, 1), died]);
    await publisher.stop();
    const end = await Promise.race([askReport(target, 0), died]);
    const good = readRecording(await readFile(recording));
    const seconds = (Date.now() - startMs) / 1000;
    // The memory is the loaded one: with the good publisher, as in the warm report.
    const { rss, heapUsed, external } = loaded;
    return { connections, ...tally, warm, end: { ...end, rss, heapUsed, external }, ...good, seconds };
  } finally {
    await publisher.stop();
  }
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
      const input = nextInput(random);
      const heard = await sendInput(input, input.secure ? campaign.tlsPort : campaign.port);
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

async function askReport(target: ChildProcess, expectedConnections: number): Promise<TargetReport> {
  const answer = once(target, 'message');
  target.send(expectedConnections);
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

/** A line for people. */
function describe({ warm, end, ...result }: AbuseResult): string {
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  return [
    `${result.connections} connections in ${result.seconds.toFixed(1)} s`,
    `${result.pastConnect} past connect, ${result.pastPublish} past an accepted publish`,
    `${end.refusedPackets} frames of refused publishers accepted`,
    `good publisher: ${end.goodPackets} of ${result.goodPackets} packets, ${end.goodHash === result.goodHash ? 'all alike' : 'ALTERED'}`,
    `RSS ${mib(warm.rss)} → ${mib(end.rss)}, heap ${mib(warm.heapUsed)} → ${mib(end.heapUsed)}`,
    end.metricsText
      .split('\n')
      .filter((line) => line.startsWith('headwater_rtmp_refused_total{'))
      .join('\n'),
    '',
  ].join('\n');
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { connections: { type: 'string', default: '3000' }, seed: { type: 'string', default: '1' } },
  });
  const result = await abuse({ connections: Number(values.connections), seed: Number(values.seed) });
  process.stdout.write(describe(result));
}

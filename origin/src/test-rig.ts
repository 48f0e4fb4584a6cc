/** For tests: the way from a publisher's packets to the live window, with the real encoder, without sockets to the outside. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Metrics } from '@headwater/service/metrics';
import { Broadcast } from './broadcast.ts';
import { createEvents } from './events.ts';
import { Ledger } from './live/ledger.ts';
import { createTarget } from './live/on-air.ts';
import { SteadyClock } from './live/steady-clock.ts';
import type { LiveStream } from './live/stream.ts';
import { LiveStreams } from './live/streams.ts';
import { Desk, type PublishSink } from './publish.ts';
import { FastClock } from './test-publisher.ts';

const LADDER = {
  rungs: [
    { height: 180, bitsPerSecond: 400_000 },
    { height: 90, bitsPerSecond: 150_000 },
  ],
  audioBitsPerSecond: 96_000,
};

export interface Rig extends AsyncDisposable {
  readonly clock: FastClock;
  readonly desk: Desk;
  readonly stream: () => LiveStream;
  readonly lines: string[];
  readonly metrics: Metrics;
  /** the folder that its encoders write to */
  readonly sockets: string;
  open(): Promise<PublishSink>;
  /** Waits until what was written has come out: a busy machine's encoder lags behind a clock that runs fast. */
  caughtUp(frameMs?: number): Promise<void>;
}

interface RigOptions {
  readonly graceMs?: number;
  /** of the whole process: fluent-ffmpeg knows one path */
  readonly ffmpegPath?: string;
}

/** Frames that are in the encoder are not out yet. */
const NEAR_MS = 400;

/** An origin without its sockets, on a clock that runs fast. */
export async function startRig(folder: string, name: string, options: RigOptions = {}): Promise<Rig> {
  const clock = new FastClock();
  const sockets = await mkdtemp(join(folder, 's'));
  const lines: string[] = [];
  const metrics = new Metrics();
  const events = createEvents((_level, event, fields) => lines.push(`${event} ${JSON.stringify(fields)}`), metrics);
  const ledger = await Ledger.open(join(folder, `${name}.json`), (error) => lines.push(String(error)));
  const limits = { windowSegments: 30, windowBytes: 64 * 1024 * 1024, waiters: 100 };
  const make = (stream: string) => ({
    name: stream,
    limits,
    clock,
    randomBytes,
    onSegment: (newestSegment: number, ordinal: number) => ledger.set(stream, { ordinal, newestSegment }),
  });
  const streams = new LiveStreams({ make, maxBytes: limits.windowBytes });
  const desk = new Desk({
    authorise: async () => ({ ok: true, ladder: LADDER, lastOrdinal: -1 }),
    release: async () => undefined,
    maxStreams: 2,
    hasRoom: () => true,
    replaceAfterMs: 3_000,
    events,
    start: (stream, { ladder, lastOrdinal }) => {
      const live = streams.open(stream, 0);
      const broadcast = new Broadcast({
        name: stream,
        ladder,
        segmentDurationMs: 2_000,
        graceMs: options.graceMs ?? 30_000,
        cores: 2,
        ffmpegPath: options.ffmpegPath ?? 'ffmpeg',
        socketFolder: sockets,
        clock: new SteadyClock(clock),
        random: () => 0.5,
        events,
        target: (plan, succeeds) =>
          createTarget({
            stream: live,
            plan,
            ledger,
            lastOrdinal,
            succeeds,
            onEpoch: (ordinal, reason) => events.epochOpened(stream, ordinal, reason),
          }),
      });
      void broadcast.ended.then(() => streams.end(stream));
      return broadcast;
    },
  });
  return {
    clock,
    desk,
    lines,
    metrics,
    sockets,
    stream: () => streams.get('show') as LiveStream,
    async open() {
      const decision = await desk.open({ stream: 'show', key: 'k', remoteAddress: '127.0.0.1' });
      assert.ok(decision.ok);
      return decision.sink;
    },
    caughtUp: (frameMs = 0) => catchUp(desk, clock, frameMs),
    async [Symbol.asyncDispose]() {
      await desk[Symbol.asyncDispose]();
      streams[Symbol.dispose]();
      await ledger[Symbol.asyncDispose]();
    },
  };
}

/** As the system does to what writes to a rig's sockets. */
export async function signalEncoders({ sockets }: Rig, signal: NodeJS.Signals): Promise<void> {
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const command = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
    if (command.includes(`unix:${sockets}/`)) process.kill(Number(entry), signal);
  }
}

async function catchUp(desk: Desk, clock: FastClock, frameMs: number): Promise<void> {
  const broadcast = desk.broadcasts.get('show')?.broadcast;
  if (broadcast === undefined) return;
  const writtenMs = clock.nowMs() - broadcast.silentMs;
  await clock.until('the encoder to catch up', () => {
    return broadcast.behindMs !== null && clock.nowMs() - broadcast.behindMs >= writtenMs - NEAR_MS - 2 * frameMs;
  });
}

/** The origin's composition root: makes its parts, passes them to each other, and takes them down in reverse. */

import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { FeedState } from '@headwater/protocol/feed-state';
import type { FeedPage, Ladder } from '@headwater/protocol/feed';
import { IDLE_LOAD, type Load, type NodeDescription } from '@headwater/protocol/node';
import { type Clock, systemClock } from '@headwater/service/clock';
import { type FleetLink, type FleetLinkOptions, startFleetLink } from '@headwater/service/fleet-link';
import { LoadMeter } from '@headwater/service/load-meter';
import { type Log, createLog } from '@headwater/service/log';
import { Metrics } from '@headwater/service/metrics';
import { describeNode } from '@headwater/service/node-identity';
import { authorise, mayGoOn } from './authorise.ts';
import { Broadcast } from './broadcast.ts';
import type { OriginConfig } from './config.ts';
import { EncoderMissingError } from './errors.ts';
import { type OriginEvents, createEvents } from './events.ts';
import { heldStreams } from './held-streams.ts';
import { startHttpServer } from './http-server.ts';
import { checkFfmpeg } from './ladder/ffmpeg-process.ts';
import { Ledger } from './live/ledger.ts';
import { createTarget, leastWindowBytes } from './live/on-air.ts';
import { SteadyClock } from './live/steady-clock.ts';
import { LiveStreams } from './live/streams.ts';
import { Desk, type PublishDesk } from './publish.ts';
import { type RtmpListener, type RtmpListenerOptions, createRtmpListener } from './rtmp/listener.ts';
import { loadTlsPair } from './rtmp/tls-pair.ts';
import { serve } from './serve.ts';

export interface Origin extends AsyncDisposable {
  readonly httpPort: number;
  readonly rtmpPort: number;
  readonly rtmpsPort: number | null;
}

/** What a test replaces. */
export interface OriginOverrides {
  readonly log?: Log;
  readonly clock?: Clock;
  /** what stands between the RTMP listener and the desk */
  readonly watch?: (desk: PublishDesk) => PublishDesk;
}

const SEGMENT_DURATION_MS = 2_000;
const VERSION = '0.1.0';

/** @throws ListenError for a port that is taken, EncoderMissingError without ffmpeg */
export async function startOrigin(config: OriginConfig, overrides: OriginOverrides = {}): Promise<Origin> {
  const clock = overrides.clock ?? systemClock;
  const log = overrides.log ?? createLog({ service: 'origin', level: config.logLevel, nowMs: () => clock.nowMs() });
  const metrics = new Metrics();
  const events = createEvents(log, metrics);
  const complaint = await checkFfmpeg(config.ffmpegPath);
  if (complaint !== null) throw new EncoderMissingError(`${complaint}; install ffmpeg or set HEADWATER_FFMPEG`);

  await using opened = new AsyncDisposableStack();
  await mkdir(config.dataDirectory, { recursive: true });
  const socketFolder = await mkdtemp(join(tmpdir(), 'headwater-'));
  opened.defer(() => rm(socketFolder, { recursive: true, force: true }));
  const ledger = opened.use(
    await Ledger.open(join(config.dataDirectory, 'streams.json'), (error) => events.ledgerFailed(error)),
  );
  const streams = opened.use(makeStreams({ config, clock, ledger, events }));
  const feed = new FeedState();
  const links = new LateLink();
  const desk = opened.use(
    new Desk({
      ...config.publish,
      events,
      hasRoom: (ladder) => streams.hasRoom(leastWindowBytes(ladder, SEGMENT_DURATION_MS)),
      authorise: (request) => authorise(request, { link: links, nodeId: config.nodeId, streams: () => feed.streams }),
      release: (stream) => release(stream, links, events),
      start: (name, granted) =>
        startBroadcast({ name, ...granted, config, clock, events, ledger, streams, socketFolder }),
    }),
  );
  describeLoad(metrics, desk, streams);

  const life = { ready: false, draining: false };
  const http = opened.use(
    await startHttpServer(config.httpPort, config.http, {
      handle: (request, response) =>
        serve(request, response, {
          streams,
          isKnown: (name) => feed.streams.has(name),
          isReady: () => life.ready && !life.draining,
          metrics: () => metrics.format(),
          events,
          slowReaderMs: config.http.slowReaderMs,
          clock,
        }),
      onConnectionRefused: () => events.connectionRefused(),
    }),
  );
  const rtmp = opened.use(await startRtmp(config, { desk: overrides.watch?.(desk) ?? desk, log, metrics, clock }));
  life.ready = true;
  const node = describeOrigin(config, { http: http.port, rtmp: rtmp.port, rtmps: rtmp.tlsPort });
  const meter = opened.use(new LoadMeter(clock));
  const rate = new ByteRate(clock, () => events.sentBytes());
  const served = (): Load => ({ ...IDLE_LOAD, egressBytesPerSecond: rate.read(), connections: desk.broadcasts.size });
  const load = (): Load => ({ ...served(), ...meter.read() });
  const held = () => heldStreams(desk.broadcasts, streams);
  const told = { node: () => node, load, draining: () => life.draining, streams: held };
  links.link = opened.use(await startLink(config, { ...told, state: feed, clock, log }, desk));
  const running = opened.move();
  return {
    httpPort: http.port,
    rtmpPort: rtmp.port,
    rtmpsPort: rtmp.tlsPort,
    async [Symbol.asyncDispose]() {
      life.draining = true;
      // First, while the link still stands: the claims are given back.
      await desk[Symbol.asyncDispose]();
      await running.disposeAsync();
    },
  };
}

function describeLoad(metrics: Metrics, desk: Desk, streams: LiveStreams): void {
  const behindMs = (): number =>
    Math.max(0, ...[...desk.broadcasts.values()].map(({ broadcast }) => broadcast.behindMs ?? 0));
  metrics.gaugeFrom('headwater_origin_streams', 'Streams on air.', () => desk.broadcasts.size);
  metrics.gaugeFrom(
    'headwater_origin_behind_seconds',
    'How far the slowest encoder is behind.',
    () => behindMs() / 1000,
  );
  metrics.gaugeFrom('headwater_origin_window_bytes', 'Media in memory.', () => streams.bytes);
}

/** The link starts last, when the ports that it tells of are bound; until then the control plane counts as out of reach. */
class LateLink implements Pick<FleetLink, 'ask'> {
  link: FleetLink | null = null;

  async ask(...wanted: Parameters<FleetLink['ask']>): ReturnType<FleetLink['ask']> {
    return this.link === null ? { kind: 'unreachable', reason: 'this node is starting' } : this.link.ask(...wanted);
  }
}

function makeStreams({ config, clock, ledger, events }: Omit<BroadcastParts, PerStream>): LiveStreams {
  return new LiveStreams({
    make: (name) => ({
      name,
      limits: config.live,
      clock,
      randomBytes,
      onSegment: (newestSegment, ordinal) => ledger.set(name, { ordinal, newestSegment }),
    }),
    maxBytes: config.liveBytes,
    onGaveWay: (name) => events.windowGaveWay(name),
  });
}

type PerStream = 'name' | 'ladder' | 'lastOrdinal' | 'streams' | 'socketFolder';

interface BroadcastParts {
  readonly name: string;
  readonly ladder: Ladder | null;
  readonly lastOrdinal: number;
  readonly config: OriginConfig;
  readonly clock: Clock;
  readonly events: OriginEvents;
  readonly ledger: Ledger;
  readonly streams: LiveStreams;
  readonly socketFolder: string;
}

function startBroadcast(parts: BroadcastParts): Broadcast {
  const { name, ladder, lastOrdinal, config, clock, events, ledger, streams, socketFolder } = parts;
  const stream = streams.open(name, leastWindowBytes(ladder, SEGMENT_DURATION_MS));
  const broadcast = new Broadcast({
    name,
    ladder,
    segmentDurationMs: SEGMENT_DURATION_MS,
    graceMs: config.publish.graceMs,
    cores: availableParallelism(),
    ffmpegPath: config.ffmpegPath,
    socketFolder,
    clock: new SteadyClock(clock),
    random: Math.random,
    events,
    target: (plan, succeeds) =>
      createTarget({
        stream,
        plan,
        ledger,
        lastOrdinal,
        succeeds,
        onEpoch: (ordinal, reason) => events.epochOpened(name, ordinal, reason),
      }),
  });
  void broadcast.ended.then(() => streams.end(name));
  return broadcast;
}

async function release(stream: string, link: Pick<FleetLink, 'ask'>, events: OriginEvents): Promise<void> {
  const answer = await link.ask('DELETE', `/v1/publishes/${stream}`);
  if (answer.kind === 'unreachable') events.releaseFailed(stream, answer.reason);
}

async function startLink(
  { controlUrls, joinToken, stateFile }: OriginConfig,
  told: Omit<FleetLinkOptions, 'controlUrls' | 'joinToken' | 'stateFile' | 'onPage'>,
  desk: Pick<Desk, 'judge'>,
): Promise<FleetLink & AsyncDisposable> {
  const onPage = (page: FeedPage): void => desk.judge((publish) => mayGoOn(publish, page, told.state.streams));
  return startFleetLink({ ...told, controlUrls, joinToken, stateFile, onPage });
}

async function startRtmp(
  config: OriginConfig,
  parts: Pick<RtmpListenerOptions, 'desk' | 'log' | 'metrics' | 'clock'>,
): Promise<RtmpListener> {
  const tls = await loadTlsPair({
    files: config.tlsFiles,
    dataDirectory: config.dataDirectory,
    hosts: [config.publicHost],
    nowMs: parts.clock.nowMs(),
  });
  return createRtmpListener({ ...parts, port: config.rtmpPort, tlsPort: config.rtmpsPort, tls, limits: config.rtmp });
}

function describeOrigin(
  config: OriginConfig,
  ports: { http: number; rtmp: number; rtmps: number | null },
): NodeDescription {
  const { publicHost } = config;
  return describeNode(config, {
    role: 'origin',
    url: `http://${publicHost}:${ports.http}`,
    rtmpUrl: `rtmp://${publicHost}:${ports.rtmp}`,
    ...(ports.rtmps === null ? {} : { rtmpsUrl: `rtmps://${publicHost}:${ports.rtmps}` }),
    version: VERSION,
  });
}

/** Bytes per second between one reading and the next. */
class ByteRate {
  readonly #clock: Clock;
  readonly #total: () => number;
  #lastBytes = 0;
  #lastMs: number;

  constructor(clock: Clock, total: () => number) {
    this.#clock = clock;
    this.#total = total;
    this.#lastMs = clock.monotonicMs();
  }

  read(): number {
    const bytes = this.#total();
    const nowMs = this.#clock.monotonicMs();
    const perSecond = ((bytes - this.#lastBytes) * 1000) / Math.max(1, nowMs - this.#lastMs);
    this.#lastBytes = bytes;
    this.#lastMs = nowMs;
    return perSecond;
  }
}

/** How long a frame is on its way: into a CMAF chunk at the origin, and from there to an edge. */

import { testPictureArguments } from '@headwater/cli/src/test-picture.ts';
import { PART_LAST } from '@headwater/protocol/headers';
import { parseFragments } from '@headwater/media/mp4/fragment';
import { readClockBar, sinceClockBar } from '@headwater/test/fleet/clock-bar.ts';
import { decodeFrames } from '@headwater/test/fleet/decode.ts';
import { startFleet } from '@headwater/test/fleet/fleet.ts';
import { parsePlaylist, read, readRenditions, readText, readWhole } from '@headwater/test/fleet/stream-reader.ts';
import { quantile } from '@headwater/test/fleet/quantile.ts';
import type { Figure, FigureResult } from './figure.ts';
import { startRtmpTap, type RtmpTap } from './rtmp-tap.ts';

const PARTS = 300;
const FRAME_MS = 1000 / 30;
/** How much of a frame is decoded, from its top. */
const CLOCK_SHARE = 0.1;

export const chunkLatency: Figure = {
  name: 'chunk-latency',
  description:
    `${PARTS} parts of one rendition, each asked for before it is there, at the origin and at an edge at once. A frame is in\n` +
    `when its last byte has passed a wire in front of the origin's RTMP port; it is found again in its part by the clock burnt\n` +
    `into its pixels. The time to the part's last byte at a reader, less the frame's own duration.`,
  run: measure,
};

interface Arrival {
  readonly bytes: Uint8Array;
  readonly last: boolean;
  readonly atOriginMs: number;
  readonly edgeBehindMs: number;
}

async function measure(): Promise<FigureResult> {
  await using fleet = await startFleet({ edges: 1 });
  await using tap = await startRtmpTap(Number(new URL(fleet.plan.rtmpUrls[0] ?? '').port));
  const source = (publishUrl: string): string[] => {
    const url = new URL(publishUrl);
    url.port = String(tap.port);
    return testPictureArguments({ url: url.href });
  };
  const { viewer, publisher } = await fleet.putOnAir('latency', { source });
  const edgeBase = `${fleet.plan.edgeUrls[0]}${viewer.path}`;
  const variant = (await readRenditions(`${edgeBase}/master.m3u8`)).variants[0]?.url;
  if (variant === undefined) throw new Error('the multivariant playlist is empty');
  const manifest = parsePlaylist(await readText(variant));
  const [track, epoch] = new URL(manifest.segments.at(-1)?.uri ?? '', variant).pathname.split('/').slice(-3);
  const init = await readWhole(`${edgeBase}/${track}/${epoch}/init.mp4`);
  const arrivals: Arrival[] = [];
  let number = manifest.mediaSequence + manifest.segments.length + 1;
  for (let part = 0; arrivals.length < PARTS; part += 1) {
    const arrival = await follow({
      origin: `${fleet.plan.originUrl}/cmaf/latency/${track}/${epoch}/${number}.${part}`,
      edge: `${edgeBase}/${track}/${epoch}/${number}.${part}.m4s`,
    });
    arrivals.push(arrival);
    if (arrival.last) [number, part] = [number + 1, -1];
  }
  await publisher[Symbol.asyncDispose]();
  const { fromWire, fromGlass } = await latencies({ init, arrivals, tap });
  const behind = arrivals.map(({ edgeBehindMs }) => edgeBehindMs);
  const spread = (samples: readonly number[]): string =>
    `p50 ${quantile(samples, 0.5).toFixed(1)}, p90 ${quantile(samples, 0.9).toFixed(1)}, p99 ${quantile(samples, 0.99).toFixed(1)}, most ${quantile(samples, 1).toFixed(1)}`;
  return {
    lines: [
      {
        what: 'last frame in → chunk at the origin, p50',
        value: quantile(fromWire, 0.5),
        unit: 'ms',
        bound: { most: 80 },
        note: spread(fromWire),
      },
      {
        what: 'last frame drawn → chunk at the origin, p50',
        value: quantile(fromGlass, 0.5),
        unit: 'ms',
        bound: null,
        note: `${spread(fromGlass)}; with the publisher's drawing and encoding`,
      },
      {
        what: 'origin → edge, p99',
        value: quantile(behind, 0.99),
        unit: 'ms',
        bound: { most: 20 },
        note: spread(behind),
      },
    ],
  };
}

async function follow(urls: { origin: string; edge: string }): Promise<Arrival> {
  const timed = async (url: string): Promise<{ atMs: number; last: boolean; bytes: Uint8Array }> => {
    const { status, headers, body } = await read(url);
    if (status !== 200) throw new Error(`${url}: ${status} ${Buffer.from(body).toString()}`);
    return { atMs: performance.timeOrigin + performance.now(), last: headers.get(PART_LAST) === '1', bytes: body };
  };
  const [origin, edge] = await Promise.all([timed(urls.origin), timed(urls.edge)]);
  return { bytes: origin.bytes, last: origin.last, atOriginMs: origin.atMs, edgeBehindMs: edge.atMs - origin.atMs };
}

interface Latencies {
  /** since the last frame of each part had passed the wire */
  readonly fromWire: readonly number[];
  /** since its clock was drawn */
  readonly fromGlass: readonly number[];
}

/** For each part, from its last frame to its last byte, beyond the frame's own duration. */
async function latencies(run: { init: Uint8Array; arrivals: readonly Arrival[]; tap: RtmpTap }): Promise<Latencies> {
  const { init, arrivals, tap } = run;
  const sent = await decodeFrames(tap.toFlv(), CLOCK_SHARE);
  const passedAtMs = new Map(sent.map(({ frame }, index) => [readClockBar(frame), tap.frames[index]?.atMs]));
  const media = Buffer.concat([init, ...arrivals.map(({ bytes }) => bytes)]);
  const frames = await decodeFrames(media, CLOCK_SHARE);
  const fromWire: number[] = [];
  const fromGlass: number[] = [];
  let decoded = 0;
  for (const { bytes, atOriginMs } of arrivals) {
    decoded += parseFragments(bytes).reduce((sum, { samples }) => sum + samples.length, 0);
    const frame = frames[decoded - 1]?.frame;
    const clock = frame === undefined ? null : readClockBar(frame);
    const passedMs = passedAtMs.get(clock);
    if (clock === null || passedMs === undefined) throw new Error('a part whose last frame was never sent');
    fromWire.push(atOriginMs - passedMs - FRAME_MS);
    fromGlass.push(sinceClockBar(clock, atOriginMs) - FRAME_MS);
  }
  return { fromWire, fromGlass };
}

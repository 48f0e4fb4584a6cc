/** How long a frame is on its way: into a CMAF chunk at the origin, and from there to an edge. */

import { PART_LAST } from '@headwater/protocol/headers';
import { parseFragments } from '@headwater/media/mp4/fragment';
import { readClockBar, sinceClockBar } from '@headwater/test/fleet/clock-bar.ts';
import { decodeFrames } from '@headwater/test/fleet/decode.ts';
import { startFleet } from '@headwater/test/fleet/fleet.ts';
import { parsePlaylist, read, readRenditions, readText, readWhole } from '@headwater/test/fleet/stream-reader.ts';
import { quantile, type Figure, type FigureResult } from './figure.ts';

const PARTS = 300;
const FRAME_MS = 1000 / 30;

export const chunkLatency: Figure = {
  name: 'chunk-latency',
  description:
    `${PARTS} parts of one rendition, each asked for before it is there, at the origin and at an edge at once. The first line\n` +
    `is the clock burnt into the last frame of each part against the part's last byte, less the frame's own duration: it\n` +
    `contains the publisher's drawing, encoding and sending as well, so the origin's own share is less.`,
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
  const { viewer } = await fleet.putOnAir('latency');
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
  const fromGlass = await fromGlassMs(init, arrivals);
  const behind = arrivals.map(({ edgeBehindMs }) => edgeBehindMs);
  const spread = (samples: readonly number[]): string =>
    `p50 ${quantile(samples, 0.5).toFixed(1)}, p90 ${quantile(samples, 0.9).toFixed(1)}, p99 ${quantile(samples, 0.99).toFixed(1)}, most ${quantile(samples, 1).toFixed(1)}`;
  return {
    lines: [
      {
        what: 'last frame in → chunk at the origin, p50',
        value: quantile(fromGlass, 0.5),
        unit: 'ms',
        bound: { most: 80 },
        note: spread(fromGlass),
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

/** For each part, from the clock in its last frame to its last byte, beyond the frame's own duration. */
async function fromGlassMs(init: Uint8Array, arrivals: readonly Arrival[]): Promise<number[]> {
  const frames = await decodeFrames(Buffer.concat([init, ...arrivals.map(({ bytes }) => bytes)]));
  const latencies: number[] = [];
  let decoded = 0;
  for (const { bytes, atOriginMs } of arrivals) {
    decoded += parseFragments(bytes).reduce((sum, { samples }) => sum + samples.length, 0);
    const frame = frames[decoded - 1]?.frame;
    const clock = frame === undefined ? null : readClockBar(frame);
    if (clock === null) throw new Error('a part without a readable clock');
    latencies.push(sinceClockBar(clock, atOriginMs) - FRAME_MS);
  }
  return latencies;
}

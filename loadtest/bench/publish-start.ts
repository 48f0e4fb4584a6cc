/** How soon after a publisher is accepted an edge has something to play. */

import { SMALL_LADDER, startFleet, type Fleet } from '@headwater/test/fleet/fleet.ts';
import { publishTestPicture } from '@headwater/test/fleet/publisher.ts';
import { parsePlaylist, read, readRenditions, readWhole } from '@headwater/test/fleet/stream-reader.ts';
import { until } from '@headwater/test/fleet/until.ts';
import { quantile } from '@headwater/test/fleet/quantile.ts';
import type { Figure, FigureResult } from './figure.ts';

const TIMES = 5;
const DEADLINE_MS = 15_000;
const SEGMENT_S = 2;

export const publishStart: Figure = {
  name: 'publish-start',
  description:
    `From the origin's own line that the publisher is accepted to the last byte of the first part, and of the first whole\n` +
    `segment of the highest rung, read through an edge as its playlists name them; asked every 40 ms. ${TIMES} publishers, the worst.`,
  run: measure,
};

interface Start {
  readonly partMs: number;
  readonly segmentMs: number;
  readonly segmentS: number;
}

async function measure(): Promise<FigureResult> {
  await using fleet = await startFleet({ edges: 1 });
  const starts: Start[] = [];
  for (let time = 0; time < TIMES; time += 1) starts.push(await startOne(fleet, `start${time}`));
  const parts = starts.map(({ partMs }) => partMs / 1000);
  const beyond = starts.map(({ segmentMs, segmentS }) => segmentMs / 1000 - segmentS);
  const list = (values: readonly number[]): string => `of ${values.map((value) => value.toFixed(2)).join(' ')}`;
  return {
    lines: [
      {
        what: 'first part through an edge',
        value: quantile(parts, 1),
        unit: 's',
        bound: { most: 1 },
        note: list(parts),
      },
      {
        what: 'first whole segment, beyond its duration',
        value: quantile(beyond, 1),
        unit: 's',
        bound: { most: 1 },
        note: `${list(beyond)}; segments of at most ${SEGMENT_S} s`,
      },
    ],
  };
}

async function startOne(fleet: Fleet, name: string): Promise<Start> {
  const { publishUrl } = await fleet.api.createStream({ name, policy: 'token', ladder: SMALL_LADDER });
  await using publisher = publishTestPicture(publishUrl);
  const viewer = await fleet.admit(name);
  const master = `${fleet.plan.edgeUrls[0]}${viewer.path}/master.m3u8`;
  const variant = await until('the multivariant playlist', DEADLINE_MS, async () => {
    if (publisher.exit !== undefined) throw new Error(publisher.output);
    return (await readRenditions(master)).variants[0]?.url;
  });
  const playlist = (): Promise<string | null> =>
    read(variant).then(({ status, body }) => (status === 200 ? Buffer.from(body).toString() : null));
  const firstPart = await until('a part in the playlist', DEADLINE_MS, async () => {
    return /#EXT-X-PART:[^\n]*URI="([^"]+)"/.exec((await playlist()) ?? '')?.[1];
  });
  await readWhole(new URL(firstPart, variant));
  const partAtMs = Date.now();
  const segment = await until('a whole segment in the playlist', DEADLINE_MS, async () => {
    return parsePlaylist((await playlist()) ?? '').segments[0];
  });
  await readWhole(new URL(segment.uri, variant));
  const segmentAtMs = Date.now();
  const acceptedAtMs = acceptedAt(fleet, name);
  return {
    partMs: partAtMs - acceptedAtMs,
    segmentMs: segmentAtMs - acceptedAtMs,
    segmentS: segment.duration,
  };
}

function acceptedAt(fleet: Fleet, stream: string): number {
  for (const line of fleet.services.get('origin')?.output.split('\n') ?? []) {
    if (!line.startsWith('{')) continue;
    const entry = JSON.parse(line) as { at: string; event: string; stream?: string };
    if (entry.event === 'publish_started' && entry.stream === stream) return Date.parse(entry.at);
  }
  throw new Error(`the origin never said that ${stream} was accepted`);
}

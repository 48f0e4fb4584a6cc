/** DASH out of the timeline (ISO/IEC 23009-1): one Period per epoch, one segment rule per kind of track, `$Number$` = N. */

import type { Mpd } from '@headwater/media/dash/mpd';
import type { AdaptationSet, Period, Representation } from '@headwater/media/dash/period';
import { type Epoch, type Timeline, type Track, segmentTicks } from '@headwater/protocol/timeline';
import { positionOf } from '../timeline-reading.ts';

/** On top of three parts, so that a player on a busy machine plays without a stall. */
const LATENCY_MARGIN_MS = 1_000;
const LATENCY_MAX_MS = 6_000;
const PLAYBACK_RATE = { minPlaybackRate: 0.96, maxPlaybackRate: 1.04 } as const;

/** When the MPD is written, and where it starts when that is not the live edge. */
export interface MpdMoment {
  readonly nowMs: number;
  /** where a player may ask for the time */
  readonly clockUrl: string;
  /** time shift, Unix time */
  readonly fromMs?: number | undefined;
  /** where the stream is to be had besides, and who says which place is best */
  readonly steered?: Pick<Mpd, 'locations' | 'steering'>;
}

/** The MPD of a stream; null while there is nothing to show. */
export function mpdOf(timeline: Timeline, moment: MpdMoment): Mpd | null {
  const periods = timeline.epochs.flatMap((epoch, index) => {
    const period = periodOf(timeline, epoch, timeline.epochs[index + 1]);
    return period === null ? [] : [period];
  });
  const newestPeriod = periods.at(-1);
  if (newestPeriod === undefined) return null;
  const { segmentDurationMs, windowSegments } = timeline;
  const isLive = timeline.state === 'live';
  return {
    type: 'dynamic',
    availabilityStartMs: timeline.anchorMs,
    publishMs: publishedMs(timeline, newestPeriod, moment),
    timeShiftBufferDepthMs: windowSegments * segmentDurationMs,
    minBufferMs: timeline.partTargetMs,
    maxSegmentDurationMs: segmentDurationMs,
    latency: latencyOf(timeline, moment),
    // The moment of writing, `direct`, is old by the time a busy page has read it: dash.js then was up to 1 s late for good.
    utcTiming: { scheme: 'urn:mpeg:dash:utc:http-xsdate:2014', value: moment.clockUrl },
    periods,
    ...moment.steered,
    ...(isLive ? { minimumUpdatePeriodMs: segmentDurationMs } : { mediaPresentationDurationMs: endMs(timeline) }),
  };
}

/** When what the MPD says last changed: by the timeline alone, so that every edge writes the same bytes. */
function publishedMs(timeline: Timeline, { startMs }: Period, { fromMs, nowMs }: MpdMoment): number {
  if (fromMs !== undefined) return nowMs;
  return timeline.anchorMs + (timeline.state === 'live' ? startMs : endMs(timeline));
}

function endMs(timeline: Timeline): number {
  const newest = Math.max(...timeline.tracks.map(({ id }) => positionOf(timeline, id)?.number ?? 0));
  return (newest + 1) * timeline.segmentDurationMs;
}

function latencyOf(timeline: Timeline, { nowMs, fromMs }: MpdMoment): NonNullable<Mpd['latency']> {
  const deepestMs = (timeline.windowSegments - 1) * timeline.segmentDurationMs;
  if (fromMs !== undefined) return { targetMs: Math.round(Math.min(Math.max(nowMs - fromMs, 0), deepestMs)) };
  const leastMs = timeline.partTargetMs * 3;
  return { targetMs: leastMs + LATENCY_MARGIN_MS, minMs: leastMs, maxMs: LATENCY_MAX_MS, ...PLAYBACK_RATE };
}

/** A Period ends where the next begins; one whose media ended before that says so. Null when nothing of it is left. */
function periodOf(timeline: Timeline, epoch: Epoch, next: Epoch | undefined): Period | null {
  const windows = Object.values(timeline.windows).flat();
  const numbers = windows.filter((segment) => segment.epoch === epoch.id).map(({ number }) => number);
  if (numbers.length === 0) return null;
  const endNumber = Math.max(...numbers) + 1;
  const endsEarly = next !== undefined && endNumber < next.firstSegment;
  const kinds = (['video', 'audio'] as const).filter((kind) => timeline.tracks.some((track) => track.kind === kind));
  return {
    id: epoch.id,
    startMs: epoch.firstSegment * timeline.segmentDurationMs,
    ...(endsEarly ? { durationMs: (endNumber - epoch.firstSegment) * timeline.segmentDurationMs } : {}),
    adaptationSets: kinds.flatMap((kind, id) => adaptationSet(timeline, epoch, { kind, id })),
  };
}

function adaptationSet(timeline: Timeline, epoch: Epoch, set: Pick<AdaptationSet, 'kind' | 'id'>): AdaptationSet[] {
  const tracks = timeline.tracks.filter(({ kind }) => kind === set.kind);
  const [first] = tracks;
  if (first === undefined) return [];
  const durationTicks = segmentTicks(first.timescale, timeline.segmentDurationMs);
  return [
    {
      ...set,
      ...(first.language === undefined ? {} : { language: first.language }),
      segments: {
        initialization: `$RepresentationID$/${epoch.id}/init.mp4`,
        media: `$RepresentationID$/${epoch.id}/$Number$.m4s`,
        timescale: first.timescale,
        durationTicks,
        startNumber: epoch.firstSegment,
        presentationTimeOffsetTicks: epoch.firstSegment * durationTicks,
        ...(timeline.state === 'live'
          ? { availabilityTimeOffsetMs: timeline.segmentDurationMs - timeline.partTargetMs }
          : {}),
      },
      // Media time is the wall clock at which a frame was taken.
      producerReference: { type: 'captured', wallClockMs: timeline.anchorMs, mediaTimeTicks: 0 },
      representations: tracks.map(representation),
    },
  ];
}

function representation(track: Track): Representation {
  const { id, bandwidth, codec, width, height, frameRate, sampleRate, channels } = track;
  return {
    id,
    bandwidth,
    codecs: codec,
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
    ...(frameRate === undefined ? {} : { frameRate }),
    ...(sampleRate === undefined ? {} : { sampleRate }),
    ...(channels === undefined ? {} : { channels }),
  };
}

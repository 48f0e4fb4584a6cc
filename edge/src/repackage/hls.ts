/**
 * HLS out of the timeline (RFC 8216bis). A media playlist is a function of where its track stands, its epoch, number and part,
 * and of nothing else, so any two edges write the same bytes for the same position.
 */

import type { MediaPlaylist, PlaylistSegment } from '@headwater/media/hls/media-playlist';
import type { AudioRendition, Multivariant, Variant } from '@headwater/media/hls/multivariant';
import { tsBandwidth } from '@headwater/media/ts/bandwidth';
import type { Timeline, Track } from '@headwater/protocol/timeline';
import type { Pathway } from '../pathways.ts';
import { type Flavour, mediaUri, playlistUri } from '../target.ts';
import { type Position, nextPart, positionOf } from '../timeline-reading.ts';
import { type ShownSegment, lastComplete, numberAt, shownWindow } from './window.ts';

const AUDIO_GROUP = 'audio';
/** RFC 8216bis §4.4.3.8: HOLD-BACK in target durations, PART-HOLD-BACK in part targets, CAN-SKIP-UNTIL in target durations. */
const HOLD_BACK_TARGETS = 3;
const PART_HOLD_BACK_TARGETS = 3;
const SKIP_UNTIL_TARGETS = 6;
/** Parts are shown for the growing segment and three target durations before it (RFC 8216bis §4.4.4.9). */
const SEGMENTS_WITH_PARTS = 4;

/** Which renditions there are. Every URI carries `query`, such as `?from=1`, or nothing. */
export function multivariantOf(timeline: Timeline, flavour: Flavour, query: string): Multivariant {
  const videos = timeline.tracks.filter((track) => track.kind === 'video').sort((a, b) => b.bandwidth - a.bandwidth);
  const audios = timeline.tracks.filter((track) => track.kind === 'audio');
  const uri = (track: Track): string => playlistUri(track.id, flavour) + query;
  const bandwidthOf = (tracks: readonly Track[]): number =>
    flavour === 'ts'
      ? tsBandwidth(tracks, timeline.segmentDurationMs)
      : tracks.reduce((sum, { bandwidth }) => sum + bandwidth, 0);
  if (videos.length === 0) {
    return {
      variants: audios.map((track) => ({ uri: uri(track), bandwidth: bandwidthOf([track]), codecs: [track.codec] })),
    };
  }
  const [companion] = audios;
  const together = companion === undefined ? [] : [companion];
  const variants = videos.map((track): Variant => {
    const all = [track, ...together];
    return {
      uri: uri(track),
      bandwidth: bandwidthOf(all),
      codecs: all.map(({ codec }) => codec),
      ...(track.width === undefined || track.height === undefined
        ? {}
        : { resolution: { width: track.width, height: track.height } }),
      ...(track.frameRate === undefined ? {} : { frameRate: track.frameRate }),
      ...(flavour === 'ts' || companion === undefined ? {} : { audioGroupId: AUDIO_GROUP }),
    };
  });
  if (flavour === 'ts') return { variants };
  return { variants, audio: audios.map((track, index) => audioRendition(track, uri(track), index === 0)) };
}

/** The same renditions by every way: each with a group of its own, since a rendition group belongs to one pathway. */
export function alongPathways(plain: Multivariant, { ways, rootPath, steeringUri }: HlsPathways): Multivariant {
  const [first] = ways;
  if (first === undefined || ways.length < 2) return plain;
  const along = ways.map(({ id, baseUrl }) => {
    const prefix = baseUrl === null ? '' : `${baseUrl}${rootPath}`;
    const groupOf = (groupId: string): string => (baseUrl === null ? groupId : `${groupId}-${id}`);
    return {
      audio: (plain.audio ?? []).map((rendition) => ({
        ...rendition,
        uri: prefix + rendition.uri,
        groupId: groupOf(rendition.groupId),
      })),
      variants: plain.variants.map(({ audioGroupId, ...variant }) => ({
        ...variant,
        uri: prefix + variant.uri,
        pathwayId: id,
        ...(audioGroupId === undefined ? {} : { audioGroupId: groupOf(audioGroupId) }),
      })),
    };
  });
  return {
    steering: { serverUri: steeringUri, pathwayId: first.id },
    audio: along.flatMap(({ audio }) => audio),
    variants: along.flatMap(({ variants }) => variants),
  };
}

/** The ways to a stream, for {@link alongPathways}. */
export interface HlsPathways {
  readonly ways: readonly Pathway[];
  /** of the stream's folder, the same at every edge */
  readonly rootPath: string;
  readonly steeringUri: string;
}

function audioRendition(track: Track, uri: string, isDefault: boolean): AudioRendition {
  return {
    groupId: AUDIO_GROUP,
    name: track.language ?? track.id,
    uri,
    isDefault,
    autoselect: true,
    ...(track.language === undefined ? {} : { language: track.language }),
    ...(track.channels === undefined ? {} : { channels: track.channels }),
  };
}

/** Which playlist of which track, and from where. */
export interface PlaylistRequest {
  readonly track: Track;
  readonly flavour: Flavour;
  /** time shift: nothing of segments before this moment is shown, and a player begins there; Unix time */
  readonly fromMs?: number | undefined;
}

/** The playlist of a track as it stands; null while there is nothing to show. */
export function mediaPlaylistOf(timeline: Timeline, wanted: PlaylistRequest): MediaPlaylist | null {
  const at = positionOf(timeline, wanted.track.id);
  const lastNumber = newestShown(timeline, wanted.track.id, wanted.flavour);
  if (at === null || lastNumber === null) return null;
  const { fromMs } = wanted;
  const fromNumber = fromMs === undefined ? undefined : numberAt(timeline, fromMs);
  const shown = shownWindow(timeline, wanted.track.id, lastNumber, fromNumber);
  const [first] = shown;
  if (first === undefined) return null;
  const targetDurationS = Math.ceil(timeline.segmentDurationMs / 1000);
  const plain: MediaPlaylist = {
    timescale: wanted.track.timescale,
    targetDurationS,
    mediaSequence: first.number,
    discontinuitySequence: first.epoch.ordinal,
    ...(fromMs === undefined ? {} : { startOffsetMs: startOffsetMs(timeline, first, fromMs) }),
    segments: shown.map((each, index) => playlistSegment(timeline, wanted, each, shown[index - 1])),
    ended: timeline.state === 'ended' && lastNumber === at.number,
  };
  return wanted.flavour === 'low-latency' ? { ...plain, ...lowLatency(timeline, wanted.track, at) } : plain;
}

/** From the first shown segment to a moment; its start when the moment is before or beyond it. */
function startOffsetMs(timeline: Timeline, first: ShownSegment, fromMs: number): number {
  const offsetMs = fromMs - timeline.anchorMs - first.number * timeline.segmentDurationMs;
  return offsetMs > 0 && offsetMs < timeline.segmentDurationMs ? offsetMs : 0;
}

/**
 * The newest number that a track's playlist may show; null while there is none. Without parts it is a whole segment's, and
 * MPEG-TS wants the audio of it as well, unless none will come.
 */
export function newestShown(timeline: Timeline, track: string, flavour: Flavour): number | null {
  if (flavour === 'low-latency') return positionOf(timeline, track)?.number ?? null;
  const own = lastComplete(timeline, track);
  const audio = timeline.tracks.find(({ kind }) => kind === 'audio');
  if (flavour !== 'ts' || own === null || audio === undefined || timeline.state !== 'live') return own;
  const sound = lastComplete(timeline, audio.id);
  return sound === null ? null : Math.min(own, sound);
}

function lowLatency(timeline: Timeline, track: Track, at: Position): Partial<MediaPlaylist> {
  const targetMs = Math.ceil(timeline.segmentDurationMs / 1000) * 1000;
  const partTargetMs = timeline.partTargetMs;
  const live: Partial<MediaPlaylist> = {
    partTargetMs,
    serverControl: {
      canBlockReload: true,
      partHoldBackMs: partTargetMs * PART_HOLD_BACK_TARGETS,
      holdBackMs: targetMs * HOLD_BACK_TARGETS,
      canSkipUntilMs: targetMs * SKIP_UNTIL_TARGETS,
    },
  };
  if (timeline.state !== 'live') return live;
  const others = timeline.tracks.filter(({ id }) => id !== track.id);
  return {
    ...live,
    preloadHintUri: mediaUri({ kind: 'part', ...nextPart(at, track.id) }),
    // All tracks are cut on one grid, so this track's own position stands for theirs: what another track's request brings
    // in must not change these bytes.
    renditionReports: others.map(({ id }) => ({
      uri: `../${playlistUri(id, 'low-latency')}`,
      lastMediaSequence: at.number,
      ...(at.parts === 0 ? {} : { lastPart: at.parts - 1 }),
    })),
  };
}

function playlistSegment(
  timeline: Timeline,
  wanted: PlaylistRequest,
  shown: ShownSegment,
  before: ShownSegment | undefined,
): PlaylistSegment {
  const { id, timescale } = wanted.track;
  const { number, epoch, segment } = shown;
  const base: PlaylistSegment = {
    uri: mediaUri({ kind: wanted.flavour === 'ts' ? 'ts' : 'segment', track: id, epoch: epoch.id, number }),
    durationTicks: segment?.durationTicks ?? (timescale * timeline.segmentDurationMs) / 1000,
    complete: segment?.complete ?? true,
    ...(wanted.flavour === 'ts' ? {} : { mapUri: mediaUri({ kind: 'init', track: id, epoch: epoch.id }) }),
    ...(before !== undefined && before.epoch.id !== epoch.id ? { discontinuity: true } : {}),
  };
  if (segment === null) return { ...base, gap: true };
  const timed = { ...base, programDateTimeMs: timeline.anchorMs + (segment.startTicks * 1000) / timescale };
  const newest = positionOf(timeline, id)?.number ?? number;
  if (wanted.flavour !== 'low-latency' || number <= newest - SEGMENTS_WITH_PARTS) return timed;
  return {
    ...timed,
    parts: segment.parts.map(({ durationTicks, independent }, part) => ({
      uri: mediaUri({ kind: 'part', track: id, epoch: epoch.id, number, part }),
      durationTicks,
      independent,
    })),
  };
}

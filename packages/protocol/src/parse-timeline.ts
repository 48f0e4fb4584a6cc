/** Decodes a timeline at the boundary, so that whoever holds a {@link Timeline} may trust its type. */

import { isEpochId, isStreamName, isTrackId } from './names.ts';
import type { TimelineChange } from './timeline.ts';

type Fields = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => boolean;

/** What of this kind no origin says is refused: beyond, it is not a timeline but an attack or a mistake. */
const EPOCH_LIMIT = 1_000;
const TRACK_LIMIT = 64;
const SEGMENT_LIMIT = 100_000;
const PART_LIMIT = 10_000;

/**
 * Reads what an origin answered.
 * @param value parsed JSON
 * @returns null for what is no change of a timeline
 */
export function parseTimelineChange(value: unknown): TimelineChange | null {
  return isRecord(value, { full: isBoolean, timeline: isTimeline }) ? (value as TimelineChange) : null;
}

const isTimeline: Check = (value) =>
  isRecord(value, {
    stream: isStreamName,
    revision: isCount,
    state: (state) => state === 'live' || state === 'ended' || state === 'vod',
    segmentDurationMs: isPositive,
    partDurationMs: isPositive,
    partTargetMs: isPositive,
    anchorMs: Number.isFinite,
    windowSegments: isCount,
    epochs: listOf(isEpoch, EPOCH_LIMIT),
    tracks: listOf(isTrack, TRACK_LIMIT),
    windows: (windows) => isObject(windows) && Object.values(windows).every(isWindow),
  });

const isEpoch: Check = (value) => isRecord(value, { id: isEpochId, ordinal: isCount, firstSegment: isCount });

const isTrack: Check = (value) =>
  isRecord(value, {
    id: isTrackId,
    kind: (kind) => kind === 'video' || kind === 'audio',
    codec: isText,
    bandwidth: isPositive,
    timescale: isPositive,
    width: optional(isPositive),
    height: optional(isPositive),
    frameRate: optional(listOf(isPositive, 2)),
    channels: optional(isPositive),
    sampleRate: optional(isPositive),
    language: optional(isText),
  });

const isSegment: Check = (value) =>
  isRecord(value, {
    number: isCount,
    epoch: isEpochId,
    startTicks: isCount,
    durationTicks: isCount,
    bytes: isCount,
    complete: isBoolean,
    parts: listOf(isPart, PART_LIMIT),
  });

const isPart: Check = (value) => isRecord(value, { durationTicks: isCount, independent: isBoolean, bytes: isCount });

const isWindow = listOf(isSegment, SEGMENT_LIMIT);

function isRecord(value: unknown, checks: Readonly<Record<string, Check>>): boolean {
  return isObject(value) && Object.entries(checks).every(([name, check]) => check(value[name]));
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listOf(check: Check, limit: number): Check {
  return (value) => Array.isArray(value) && value.length <= limit && value.every(check);
}

function optional(check: Check): Check {
  return (value) => value === undefined || check(value);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isPositive(value: unknown): boolean {
  return Number.isFinite(value) && (value as number) > 0;
}

function isBoolean(value: unknown): boolean {
  return typeof value === 'boolean';
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

/** Joins an encoder's output to a live stream: decides whether a run goes on in the newest epoch or opens one. */

import type { TrackInit } from '@headwater/media/mp4/init';
import type { Ladder } from '@headwater/protocol/feed';
import { type EncoderTarget, MAX_FILL_MS } from '../ladder/encoder.ts';
import { AUDIO_TRACK_ID, DEFAULT_LADDER, type LadderPlan } from '../ladder/plan.ts';
import type { Ledger } from './ledger.ts';
import type { LiveStream, TrackShape } from './stream.ts';

/** Over the nominal rate a segment can peak, and CMAF adds its boxes. */
const PEAK_FACTOR = 1.25;

interface OnAirOptions {
  readonly stream: LiveStream;
  readonly plan: LadderPlan;
  readonly ledger: Ledger;
  /** the newest ordinal that the control plane knows of; -1 for none */
  readonly lastOrdinal: number;
  /** it follows an encoder that was given up a moment ago: what that one owes is made up, so that no number is missing */
  readonly succeeds: boolean;
  readonly onEpoch: (ordinal: number, reason: 'new' | 'changed') => void;
}

/** No origin is so far ahead of its own clock. */
const FUTURE_SEGMENTS = 5;

/** Players stand three target durations behind the newest segment, and fetch what is before and behind that. */
const LEAST_SEGMENTS = 6;

/** What a stream's window must be able to hold for its players to play on. */
export function leastWindowBytes(ladder: Ladder | null, segmentDurationMs: number): number {
  const { rungs, audioBitsPerSecond } = ladder ?? DEFAULT_LADDER;
  const bitsPerSecond = rungs.reduce((sum, rung) => sum + rung.bitsPerSecond, audioBitsPerSecond);
  return Math.ceil((bitsPerSecond * PEAK_FACTOR * LEAST_SEGMENTS * segmentDurationMs) / 8_000);
}

/** The target of one broadcast's encoders. */
export function createTarget({ stream, plan, ledger, lastOrdinal, succeeds, onEpoch }: OnAirOptions): EncoderTarget {
  const { segmentDurationMs } = plan.grid;
  let opened = false;
  let fromSegment = -1;
  const newestOrdinal = (): number => Math.max(ledger.get(stream.name)?.ordinal ?? -1, stream.epoch?.ordinal ?? -1);
  const newestSegment = (): number => Math.max(ledger.get(stream.name)?.newestSegment ?? -1, stream.newestNumber);
  const nowSegment = (startMs: number): number => Math.floor(startMs / segmentDurationMs);
  // A number from the future means that the machine's clock was set back: numbers begin anew rather than wait for it. Names do
  // not repeat, since the epoch's id stands in them.
  const wasSetBack = (startMs: number): boolean => newestSegment() > nowSegment(startMs) + FUTURE_SEGMENTS;
  // Else a number is never used in two epochs: players know a segment by it.
  const firstSegment = (startMs: number): number =>
    wasSetBack(startMs) ? nowSegment(startMs) : Math.max(nowSegment(startMs), newestSegment() + 1);
  return {
    tracks(inits, startMs) {
      const tracks = shapes(plan, inits);
      if (opened && stream.continues(tracks, plan.grid)) return;
      const newest = newestSegment();
      const start = {
        ordinal: Math.max(newestOrdinal(), lastOrdinal) + 1,
        firstSegment: Math.max(fromSegment, firstSegment(startMs)),
        anew: wasSetBack(startMs),
        grid: plan.grid,
        tracks,
      };
      const { ordinal } = stream.openEpoch(start);
      ledger.set(stream.name, { ordinal, newestSegment: newest });
      onEpoch(ordinal, opened ? 'changed' : 'new');
      opened = true;
    },
    sample: (trackId, sample) => stream.push(trackId, sample),
    nextTicks: (trackId) => (opened ? stream.nextTicks(trackId) : null),
    takesFromMs(startMs) {
      const nextMs = (newestSegment() + 1) * segmentDurationMs;
      if (succeeds && startMs > nextMs && startMs - nextMs < MAX_FILL_MS) return nextMs;
      // Another origin has published it since, and may have used the present number: what it used is not known here.
      const isForeign = lastOrdinal > newestOrdinal();
      fromSegment = firstSegment(startMs) + (isForeign ? 1 : 0);
      return Math.max(startMs, fromSegment * segmentDurationMs);
    },
  };
}

function shapes(plan: LadderPlan, inits: ReadonlyMap<string, TrackInit>): TrackShape[] {
  const ids = [...(plan.video?.rungs ?? []).map(({ trackId }) => trackId), AUDIO_TRACK_ID];
  return ids.map((id) => {
    const init = inits.get(id);
    if (init === undefined) throw new Error(`the encoder sent no header of ${id}`);
    const rung = plan.video?.rungs.find(({ trackId }) => trackId === id);
    const bitsPerSecond = id === AUDIO_TRACK_ID ? plan.audioBitsPerSecond : (rung?.bitsPerSecond ?? 0);
    const bandwidth = Math.ceil(bitsPerSecond * PEAK_FACTOR);
    const frameRate = rung === undefined ? undefined : plan.video?.frameRate;
    return { id, init, bandwidth, ...(frameRate === undefined ? {} : { frameRate }) };
  });
}

/** Periods with their adaptation sets and representations (ISO/IEC 23009-1 §5.3.2, §5.3.3, §5.3.5). */

import { MediaError } from '../media-error.ts';
import { renderUtcTiming } from './utc-timing.ts';
import type { UtcTiming } from './utc-timing.ts';
import { attributes, seconds, xsDateTime, xsDuration } from './xml.ts';

/** 6.1, 7.1 and 22.2. */
const LARGE_CONFIGURATIONS: ReadonlyMap<number, number> = new Map([
  [7, 11],
  [8, 7],
  [24, 13],
]);

/** One quality of a track. Video has a size, audio a sampling rate. */
export interface Representation {
  /** stands for `$RepresentationID$` */
  readonly id: string;
  /** bits per second */
  readonly bandwidth: number;
  /** RFC 6381 */
  readonly codecs: string;
  readonly width?: number;
  readonly height?: number;
  /** frames per second as a fraction */
  readonly frameRate?: readonly [numerator: number, denominator: number];
  readonly sampleRate?: number;
  readonly channels?: number;
}

/** How segments are named and timed, one rule for all of an adaptation set (ISO/IEC 23009-1 §5.3.9.4). */
export interface SegmentRule {
  /** URL templates, relative to the MPD or its BaseURL; a `$` that is not an identifier is written `$$` */
  readonly initialization: string;
  readonly media: string;
  readonly timescale: number;
  readonly durationTicks: number;
  /** the number of the segment that begins the Period */
  readonly startNumber: number;
  /** the media's own time at the Period's start */
  readonly presentationTimeOffsetTicks: number;
  /** how much earlier than whole a segment can be asked for: its duration less a chunk's. It then comes as it is made */
  readonly availabilityTimeOffsetMs?: number;
}

/** Which media time was made when (ISO/IEC 23009-1 §5.12). */
export interface ProducerReference {
  readonly type: 'encoder' | 'captured';
  readonly wallClockMs: number;
  /** in the segment rule's timescale */
  readonly mediaTimeTicks: number;
}

/** Representations that a player may switch between. */
export interface AdaptationSet {
  readonly id: number;
  readonly kind: 'video' | 'audio';
  /** RFC 5646 */
  readonly language?: string;
  readonly segments: SegmentRule;
  readonly producerReference?: ProducerReference;
  readonly representations: readonly Representation[];
}

/** A stretch with one set of initialisation segments: an epoch. */
export interface Period {
  readonly id: string;
  /** from the availability start, in ms */
  readonly startMs: number;
  /** needed where the next Period does not follow at once */
  readonly durationMs?: number;
  readonly adaptationSets: readonly AdaptationSet[];
}

/** The Period element. `utcTiming` is the clock that producer reference times were read from. */
export function renderPeriod(period: Period, utcTiming: UtcTiming | undefined): string {
  const duration = period.durationMs === undefined ? undefined : xsDuration(period.durationMs);
  let text = `  <Period${attributes({ id: period.id, start: xsDuration(period.startMs), duration })}>\n`;
  for (const set of period.adaptationSets) text += renderAdaptationSet(set, utcTiming);
  return `${text}  </Period>\n`;
}

function renderAdaptationSet(set: AdaptationSet, utcTiming: UtcTiming | undefined): string {
  let text = `    <AdaptationSet${attributes({
    id: set.id,
    contentType: set.kind,
    mimeType: `${set.kind}/mp4`,
    lang: set.language,
    segmentAlignment: 'true',
    startWithSAP: 1,
  })}>\n`;
  if (set.producerReference !== undefined) text += renderProducerReference(set.id, set.producerReference, utcTiming);
  text += '      <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>\n';
  text += renderSegmentTemplate(set.segments);
  for (const representation of set.representations) text += renderRepresentation(representation);
  return `${text}    </AdaptationSet>\n`;
}

function renderProducerReference(id: number, reference: ProducerReference, utcTiming: UtcTiming | undefined): string {
  const opening = `      <ProducerReferenceTime${attributes({
    id,
    type: reference.type,
    wallClockTime: xsDateTime(reference.wallClockMs),
    presentationTime: reference.mediaTimeTicks,
  })}`;
  if (utcTiming === undefined) return `${opening}/>\n`;
  return `${opening}>\n${renderUtcTiming(utcTiming, '        ')}      </ProducerReferenceTime>\n`;
}

function renderSegmentTemplate(rule: SegmentRule): string {
  const early = rule.availabilityTimeOffsetMs;
  return `      <SegmentTemplate${attributes({
    timescale: rule.timescale,
    duration: rule.durationTicks,
    startNumber: rule.startNumber,
    presentationTimeOffset: rule.presentationTimeOffsetTicks,
    availabilityTimeOffset: early === undefined ? undefined : seconds(early),
    availabilityTimeComplete: early === undefined ? undefined : 'false',
    initialization: rule.initialization,
    media: rule.media,
  })}/>\n`;
}

function renderRepresentation(representation: Representation): string {
  const opening = `      <Representation${attributes({
    id: representation.id,
    bandwidth: Math.ceil(representation.bandwidth),
    codecs: representation.codecs,
    width: representation.width,
    height: representation.height,
    frameRate: representation.frameRate === undefined ? undefined : frameRateText(representation.frameRate),
    audioSamplingRate: representation.sampleRate,
  })}`;
  if (representation.channels === undefined) return `${opening}/>\n`;
  const scheme = 'urn:mpeg:dash:23003:3:audio_channel_configuration:2011';
  const value = channelConfiguration(representation.channels);
  return `${opening}>\n        <AudioChannelConfiguration schemeIdUri="${scheme}" value="${value}"/>\n      </Representation>\n`;
}

/** FrameRateType: an integer, or a fraction (ISO/IEC 23009-1 §5.3.7.2). */
function frameRateText([numerator, denominator]: readonly [number, number]): string {
  const isFraction = Number.isSafeInteger(numerator) && Number.isSafeInteger(denominator);
  if (!isFraction || numerator < 0 || denominator < 1) {
    throw new MediaError('field_range', 0, `a frame rate of ${numerator}/${denominator}`);
  }
  return denominator === 1 ? String(numerator) : `${numerator}/${denominator}`;
}

/** ISO/IEC 23003-3 table 68: the index is the number of channels up to 5.1; 0 stands for any other lay-out. */
function channelConfiguration(channels: number): number {
  return channels <= 6 ? channels : (LARGE_CONFIGURATIONS.get(channels) ?? 0);
}

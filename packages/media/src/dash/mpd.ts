/**
 * Media presentation descriptions (ISO/IEC 23009-1), dynamic with low latency, or static: one Period per epoch, segments
 * addressed by `$Number$` and a constant duration.
 *
 * Numbers are global: `segmentDurationMs` × N is the start of segment N on the presentation's timeline, so a Period that
 * begins with segment F has `startNumber` F and starts at F × `segmentDurationMs` (§5.3.9.5.3). Real segments may begin up
 * to one frame off that grid; the standard lets them differ by half a segment (§5.3.9.2.1 and §5.3.9.4.4).
 */

import { renderPeriod } from './period.ts';
import type { Period } from './period.ts';
import { renderUtcTiming } from './utc-timing.ts';
import type { UtcTiming } from './utc-timing.ts';
import { attributes, decimal, escapeXml, xsDateTime, xsDuration } from './xml.ts';

/** What the service aims at (ISO/IEC 23009-1 annex K.3). */
export interface LatencyTarget {
  readonly targetMs: number;
  readonly minMs?: number;
  readonly maxMs?: number;
  /** how much faster or slower a player may play to hold the target, such as 0.96 and 1.04 */
  readonly minPlaybackRate?: number;
  readonly maxPlaybackRate?: number;
}

/** One of several places that have the same (§5.6.5). */
export interface ServiceLocation {
  readonly id: string;
  /** base of relative URLs */
  readonly baseUrl: string;
  readonly mpdUrl: string;
}

/** Where players ask which service location to use (ETSI TS 103 998 §6). */
export interface ContentSteering {
  readonly serverUrl: string;
  readonly defaultServiceLocation: string;
}

/** All that an MPD says. Times are Unix time, or durations from `availabilityStartMs`, in ms. */
export interface Mpd {
  /** `static` also for a live stream that ended, once players need not follow it any more */
  readonly type: 'dynamic' | 'static';
  readonly availabilityStartMs: number;
  readonly publishMs: number;
  /** left out: this MPD will not change (§5.3.1.2) */
  readonly minimumUpdatePeriodMs?: number;
  readonly timeShiftBufferDepthMs?: number;
  /** end of an ended presentation, from `availabilityStartMs`; needed when static or when there is no update period */
  readonly mediaPresentationDurationMs?: number;
  readonly minBufferMs: number;
  /** the longest of all */
  readonly maxSegmentDurationMs: number;
  readonly latency?: LatencyTarget;
  readonly utcTiming?: UtcTiming;
  /** where segments and, at `mpdUrl`, this document are to be had; best first */
  readonly locations?: readonly ServiceLocation[];
  readonly steering?: ContentSteering;
  readonly periods: readonly Period[];
}

const PROFILES = 'urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019';

/**
 * The document. Equal models give equal bytes.
 * @throws MediaError `field_range`, `time_range` for a number or time that an MPD cannot hold
 */
export function renderMpd(mpd: Mpd): string {
  let text = `<?xml version="1.0" encoding="UTF-8"?>\n<MPD${attributes(mpdAttributes(mpd))}>\n`;
  for (const { id, baseUrl } of mpd.locations ?? []) text += located('BaseURL', id, baseUrl);
  for (const { id, mpdUrl } of mpd.locations ?? []) text += located('Location', id, mpdUrl);
  if (mpd.steering !== undefined) text += renderSteering(mpd.steering);
  if (mpd.latency !== undefined) text += renderServiceDescription(mpd.latency, producerReferenceId(mpd.periods));
  for (const period of mpd.periods) text += renderPeriod(period, mpd.utcTiming);
  if (mpd.utcTiming !== undefined) text += renderUtcTiming(mpd.utcTiming, '  ');
  return `${text}</MPD>\n`;
}

function located(element: 'BaseURL' | 'Location', serviceLocation: string, url: string): string {
  return `  <${element}${attributes({ serviceLocation })}>${escapeXml(url)}</${element}>\n`;
}

function renderSteering({ serverUrl, defaultServiceLocation }: ContentSteering): string {
  const told = attributes({ defaultServiceLocation, queryBeforeStart: 'false' });
  return `  <ContentSteering${told}>${escapeXml(serverUrl)}</ContentSteering>\n`;
}

function mpdAttributes(mpd: Mpd): Record<string, string | undefined> {
  const dynamic = mpd.type === 'dynamic';
  return {
    xmlns: 'urn:mpeg:dash:schema:mpd:2011',
    profiles: PROFILES,
    type: mpd.type,
    availabilityStartTime: dynamic ? xsDateTime(mpd.availabilityStartMs) : undefined,
    publishTime: xsDateTime(mpd.publishMs),
    minimumUpdatePeriod: dynamic ? optional(mpd.minimumUpdatePeriodMs) : undefined,
    timeShiftBufferDepth: dynamic ? optional(mpd.timeShiftBufferDepthMs) : undefined,
    mediaPresentationDuration: optional(mpd.mediaPresentationDurationMs),
    minBufferTime: xsDuration(mpd.minBufferMs),
    maxSegmentDuration: xsDuration(mpd.maxSegmentDurationMs),
  };
}

function optional(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : xsDuration(ms);
}

/** The latency is measured against the first producer reference time there is (annex K.3.2, `referenceId`). */
function producerReferenceId(periods: readonly Period[]): number | undefined {
  for (const period of periods) {
    const set = period.adaptationSets.find((set) => set.producerReference !== undefined);
    if (set !== undefined) return set.id;
  }
  return undefined;
}

function renderServiceDescription(latency: LatencyTarget, referenceId: number | undefined): string {
  const bounds = { referenceId, target: latency.targetMs, min: latency.minMs, max: latency.maxMs };
  let text = `  <ServiceDescription id="0">\n    <Latency${attributes(bounds)}/>\n`;
  if (latency.minPlaybackRate !== undefined || latency.maxPlaybackRate !== undefined) {
    const rates = { min: rateText(latency.minPlaybackRate), max: rateText(latency.maxPlaybackRate) };
    text += `    <PlaybackRate${attributes(rates)}/>\n`;
  }
  return `${text}  </ServiceDescription>\n`;
}

function rateText(rate: number | undefined): string | undefined {
  return rate === undefined ? undefined : decimal(rate);
}

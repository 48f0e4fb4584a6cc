/**
 * Media playlists (RFC 8216bis §4.4.3 and §4.4.4): what a player reloads, with or without parts, whole or as a delta update.
 *
 * The model holds what is to be said, in ticks of the track's timescale; which segments and parts are listed is the
 * caller's decision. Equal models give equal bytes.
 */

import { dateTime, decimalInteger, secondsFromMs, secondsFromTicks, uriText } from './tags.ts';

/** A partial segment (RFC 8216bis §4.4.4.9). */
export interface PlaylistPart {
  readonly uri: string;
  readonly durationTicks: number;
  readonly independent: boolean;
  readonly gap?: boolean;
}

/** A media segment, or the parts of one that is not whole yet. */
export interface PlaylistSegment {
  readonly uri: string;
  readonly durationTicks: number;
  /** false while it grows: then only its parts are listed */
  readonly complete: boolean;
  /** the media initialisation section, URI; left out for MPEG-TS */
  readonly mapUri?: string;
  /** Unix time of its first sample, in ms */
  readonly programDateTimeMs?: number;
  /** the encoding changes between the one before and this one */
  readonly discontinuity?: boolean;
  /** absent media: players do not ask for it */
  readonly gap?: boolean;
  readonly parts?: readonly PlaylistPart[];
}

/** Where another rendition's playlist stands (RFC 8216bis §4.4.5.4). */
export interface RenditionReport {
  readonly uri: string;
  readonly lastMediaSequence: number;
  readonly lastPart?: number;
}

/** What the server promises (RFC 8216bis §4.4.3.8). */
export interface ServerControl {
  readonly canBlockReload?: boolean;
  /** at least three times the part target */
  readonly partHoldBackMs?: number;
  /** at least three times the target duration */
  readonly holdBackMs?: number;
  /** the skip boundary, at least six times the target duration; delta updates are offered when set */
  readonly canSkipUntilMs?: number;
}

/** All that a media playlist says. */
export interface MediaPlaylist {
  /** ticks per second of every duration below */
  readonly timescale: number;
  /** whole seconds; no segment's duration rounds to more */
  readonly targetDurationS: number;
  readonly mediaSequence: number;
  /** of the first segment, not counting its own `discontinuity` */
  readonly discontinuitySequence: number;
  /** no part is longer; left out where no parts are listed */
  readonly partTargetMs?: number;
  readonly serverControl?: ServerControl;
  /** where a player begins, from the first segment's start (RFC 8216bis §4.4.2.2); left out: at the live edge */
  readonly startOffsetMs?: number;
  readonly segments: readonly PlaylistSegment[];
  /** the next part, which the server holds a request for until it is there; not shown once ended */
  readonly preloadHintUri?: string;
  readonly renditionReports?: readonly RenditionReport[];
  readonly ended: boolean;
}

/** The whole playlist. @throws MediaError `field_range`, `time_range` for a number or time that a playlist cannot hold */
export function renderMediaPlaylist(playlist: MediaPlaylist): string {
  return renderFrom(playlist, 0);
}

/**
 * The answer to `_HLS_skip=YES`: a delta update without the segments that lie behind the skip boundary (RFC 8216bis
 * §6.2.5.1), or the whole playlist when there is nothing to skip or nothing was promised.
 */
export function renderDeltaUpdate(playlist: MediaPlaylist): string {
  return renderFrom(playlist, skippableSegments(playlist));
}

/** How many leading segments a delta update leaves out: those that end before the skip boundary (§4.4.3.8). */
function skippableSegments(playlist: MediaPlaylist): number {
  const boundaryMs = playlist.serverControl?.canSkipUntilMs;
  if (boundaryMs === undefined) return 0;
  const boundaryTicks = (boundaryMs * playlist.timescale) / 1000;
  let behindTicks = 0;
  for (let index = playlist.segments.length - 1; index >= 0; index--) {
    if (behindTicks > boundaryTicks) return index + 1;
    behindTicks += playlist.segments[index]?.durationTicks ?? 0;
  }
  return 0;
}

function renderFrom(playlist: MediaPlaylist, skipped: number): string {
  const durations = new DurationText(playlist.timescale);
  let text = renderHead(playlist);
  if (skipped > 0) text += `#EXT-X-SKIP:SKIPPED-SEGMENTS=${skipped}\n`;
  // A map stays in force until the next one, over skipped segments too (§4.4.4.5): a delta update does not repeat it.
  let mapUri = playlist.segments[skipped - 1]?.mapUri;
  for (let index = skipped; index < playlist.segments.length; index++) {
    const segment = playlist.segments[index];
    if (segment === undefined || !isListed(segment)) continue;
    if (segment.discontinuity === true) text += '#EXT-X-DISCONTINUITY\n';
    if (segment.mapUri !== undefined && segment.mapUri !== mapUri) {
      mapUri = segment.mapUri;
      text += `#EXT-X-MAP:URI="${uriText(mapUri)}"\n`;
    }
    text += renderSegment(segment, durations);
  }
  if (playlist.ended) return `${text}#EXT-X-ENDLIST\n`;
  return text + renderTail(playlist);
}

/** A growing segment without parts has nothing to list yet: not even its tags may stand alone. */
function isListed(segment: PlaylistSegment): boolean {
  return segment.complete || (segment.parts !== undefined && segment.parts.length > 0);
}

function renderHead(playlist: MediaPlaylist): string {
  let text = `#EXTM3U\n#EXT-X-VERSION:${requiredVersion(playlist)}\n#EXT-X-TARGETDURATION:${decimalInteger(playlist.targetDurationS)}\n`;
  if (playlist.serverControl !== undefined) text += renderServerControl(playlist.serverControl);
  if (playlist.partTargetMs !== undefined) {
    text += `#EXT-X-PART-INF:PART-TARGET=${secondsFromMs(playlist.partTargetMs)}\n`;
  }
  text += `#EXT-X-MEDIA-SEQUENCE:${decimalInteger(playlist.mediaSequence)}\n`;
  if (playlist.discontinuitySequence > 0)
    text += `#EXT-X-DISCONTINUITY-SEQUENCE:${decimalInteger(playlist.discontinuitySequence)}\n`;
  text += '#EXT-X-INDEPENDENT-SEGMENTS\n';
  if (playlist.startOffsetMs === undefined) return text;
  return `${text}#EXT-X-START:TIME-OFFSET=${secondsFromMs(playlist.startOffsetMs)},PRECISE=YES\n`;
}

/** RFC 8216bis §8: 9 where EXT-X-SKIP may appear, 6 for EXT-X-MAP in a normal playlist, 3 for fractional EXTINF. */
function requiredVersion(playlist: MediaPlaylist): number {
  if (playlist.serverControl?.canSkipUntilMs !== undefined) return 9;
  return playlist.segments.some((segment) => segment.mapUri !== undefined) ? 6 : 3;
}

function renderServerControl(control: ServerControl): string {
  const attributes: string[] = [];
  if (control.canBlockReload === true) attributes.push('CAN-BLOCK-RELOAD=YES');
  if (control.partHoldBackMs !== undefined) attributes.push(`PART-HOLD-BACK=${secondsFromMs(control.partHoldBackMs)}`);
  if (control.holdBackMs !== undefined) attributes.push(`HOLD-BACK=${secondsFromMs(control.holdBackMs)}`);
  if (control.canSkipUntilMs !== undefined) attributes.push(`CAN-SKIP-UNTIL=${secondsFromMs(control.canSkipUntilMs)}`);
  return attributes.length === 0 ? '' : `#EXT-X-SERVER-CONTROL:${attributes.join(',')}\n`;
}

function renderSegment(segment: PlaylistSegment, durations: DurationText): string {
  let text = '';
  if (segment.programDateTimeMs !== undefined) {
    text += `#EXT-X-PROGRAM-DATE-TIME:${dateTime(segment.programDateTimeMs)}\n`;
  }
  if (segment.gap === true) text += '#EXT-X-GAP\n';
  for (const part of segment.parts ?? []) {
    text += `#EXT-X-PART:DURATION=${durations.of(part.durationTicks)},URI="${uriText(part.uri)}"`;
    if (part.independent) text += ',INDEPENDENT=YES';
    text += part.gap === true ? ',GAP=YES\n' : '\n';
  }
  if (segment.complete) text += `#EXTINF:${durations.of(segment.durationTicks)},\n${uriText(segment.uri)}\n`;
  return text;
}

function renderTail(playlist: MediaPlaylist): string {
  let text = '';
  if (playlist.preloadHintUri !== undefined) {
    text += `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${uriText(playlist.preloadHintUri)}"\n`;
  }
  for (const report of playlist.renditionReports ?? []) {
    text += `#EXT-X-RENDITION-REPORT:URI="${uriText(report.uri)}",LAST-MSN=${decimalInteger(report.lastMediaSequence)}`;
    text += report.lastPart === undefined ? '\n' : `,LAST-PART=${decimalInteger(report.lastPart)}\n`;
  }
  return text;
}

/** Durations as text. Nearly all of one playlist are equal, and formatting a fraction is the dear part of rendering. */
class DurationText {
  readonly #timescale: number;
  readonly #texts = new Map<number, string>();

  constructor(timescale: number) {
    this.#timescale = timescale;
  }

  of(ticks: number): string {
    let text = this.#texts.get(ticks);
    if (text === undefined) {
      text = secondsFromTicks(ticks, this.#timescale);
      this.#texts.set(ticks, text);
    }
    return text;
  }
}

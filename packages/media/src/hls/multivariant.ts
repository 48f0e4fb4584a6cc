/**
 * Multivariant playlists (RFC 8216bis §4.4.6): which variants and audio renditions a stream has.
 */

import { MediaError } from '../media-error.ts';
import { decimalInteger, quoted, uriText } from './tags.ts';

/** An audio rendition (RFC 8216bis §4.4.6.1, EXT-X-MEDIA of TYPE=AUDIO). */
export interface AudioRendition {
  readonly groupId: string;
  readonly name: string;
  readonly uri: string;
  /** RFC 5646 */
  readonly language?: string;
  readonly isDefault: boolean;
  /** a player may choose it by language without the viewer's doing; true for a default one (§4.4.6.1) */
  readonly autoselect?: boolean;
  readonly channels?: number;
}

/** A variant stream (RFC 8216bis §4.4.6.2). One without a size is audio only. */
export interface Variant {
  readonly uri: string;
  /** peak of all that plays together, in bits per second */
  readonly bandwidth: number;
  readonly averageBandwidth?: number;
  /** RFC 6381, of every track that plays together, the audio group's included */
  readonly codecs: readonly string[];
  readonly resolution?: { readonly width: number; readonly height: number };
  /** frames per second as a fraction */
  readonly frameRate?: readonly [numerator: number, denominator: number];
  readonly audioGroupId?: string;
  /** of the pathway that it belongs to (§4.4.6.2, PATHWAY-ID) */
  readonly pathwayId?: string;
}

/** Where players ask which pathway to use (RFC 8216bis §4.4.6.6). */
export interface ContentSteering {
  readonly serverUri: string;
  /** the pathway they begin with */
  readonly pathwayId: string;
}

/** All that a multivariant playlist says. */
export interface Multivariant {
  readonly variants: readonly Variant[];
  readonly audio?: readonly AudioRendition[];
  readonly steering?: ContentSteering;
}

/** Nothing here needs a version (§8); 6 is what its fMP4 media playlists say at least. */
const VERSION = 6;

/**
 * The playlist, in the order given: players begin with the first variant.
 * @throws MediaError `field_range` for a number that a playlist cannot hold
 */
export function renderMultivariant(playlist: Multivariant): string {
  let text = `#EXTM3U\n#EXT-X-VERSION:${VERSION}\n#EXT-X-INDEPENDENT-SEGMENTS\n`;
  if (playlist.steering !== undefined) text += renderSteering(playlist.steering);
  for (const rendition of playlist.audio ?? []) text += renderAudio(rendition);
  for (const variant of playlist.variants) text += renderVariant(variant);
  return text;
}

function renderSteering({ serverUri, pathwayId }: ContentSteering): string {
  return `#EXT-X-CONTENT-STEERING:SERVER-URI="${uriText(serverUri)}",PATHWAY-ID=${quoted(pathwayId)}\n`;
}

function renderAudio(rendition: AudioRendition): string {
  const attributes = ['TYPE=AUDIO', `GROUP-ID=${quoted(rendition.groupId)}`, `NAME=${quoted(rendition.name)}`];
  if (rendition.language !== undefined) attributes.push(`LANGUAGE=${quoted(rendition.language)}`);
  attributes.push(`DEFAULT=${yesNo(rendition.isDefault)}`);
  attributes.push(`AUTOSELECT=${yesNo(rendition.isDefault || rendition.autoselect === true)}`);
  if (rendition.channels !== undefined) attributes.push(`CHANNELS="${decimalInteger(rendition.channels)}"`);
  attributes.push(`URI="${uriText(rendition.uri)}"`);
  return `#EXT-X-MEDIA:${attributes.join(',')}\n`;
}

function renderVariant(variant: Variant): string {
  const attributes = [`BANDWIDTH=${decimalInteger(Math.ceil(variant.bandwidth))}`];
  if (variant.averageBandwidth !== undefined) {
    attributes.push(`AVERAGE-BANDWIDTH=${decimalInteger(Math.ceil(variant.averageBandwidth))}`);
  }
  attributes.push(`CODECS=${quoted(variant.codecs.join(','))}`);
  if (variant.resolution !== undefined) {
    const { width, height } = variant.resolution;
    attributes.push(`RESOLUTION=${decimalInteger(width)}x${decimalInteger(height)}`);
  }
  if (variant.frameRate !== undefined) attributes.push(`FRAME-RATE=${frameRateText(variant.frameRate)}`);
  if (variant.audioGroupId !== undefined) attributes.push(`AUDIO=${quoted(variant.audioGroupId)}`);
  if (variant.pathwayId !== undefined) attributes.push(`PATHWAY-ID=${quoted(variant.pathwayId)}`);
  return `#EXT-X-STREAM-INF:${attributes.join(',')}\n${uriText(variant.uri)}\n`;
}

/** RFC 8216bis §4.4.6.2: rounded to three decimal places. */
function frameRateText([numerator, denominator]: readonly [number, number]): string {
  const thousandths = Math.round((numerator / denominator) * 1000);
  if (Number.isSafeInteger(thousandths) && thousandths >= 0) return (numerator / denominator).toFixed(3);
  throw new MediaError('field_range', 0, `a frame rate of ${numerator}/${denominator}`);
}

function yesNo(value: boolean): string {
  return value ? 'YES' : 'NO';
}

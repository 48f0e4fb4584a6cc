/**
 * The public URLs of an edge, both directions. One object has one name: nothing is decoded, no dot segment, empty segment or
 * leading zero is let through, so that no two spellings reach the cache and no trick reaches past it.
 *
 *     /t/TOKEN/live/STREAM/master.m3u8 | classic.m3u8 | ts.m3u8 | manifest.mpd
 *     /t/TOKEN/live/STREAM/TRACK/media.m3u8 | classic.m3u8 | ts.m3u8
 *     /t/TOKEN/live/STREAM/TRACK/EPOCH/init.mp4 | N.m4s | N.P.m4s | N.ts
 *     /live/…   the same without a path token: a public stream, or a viewer with a session token at the door
 */

import { isEpochId, isStreamName, isTrackId } from '@headwater/protocol/names';
import { SIGNING_PACKAGE } from '@headwater/protocol/signing-package';

/** Which HLS a playlist speaks: fMP4 with parts, fMP4 without, MPEG-TS. */
export type Flavour = 'low-latency' | 'classic' | 'ts';

/** A CMAF object or a TS segment: bytes that never change. */
export type MediaResource =
  | { readonly kind: 'init'; readonly track: string; readonly epoch: string }
  | { readonly kind: 'segment' | 'ts'; readonly track: string; readonly epoch: string; readonly number: number }
  | {
      readonly kind: 'part';
      readonly track: string;
      readonly epoch: string;
      readonly number: number;
      readonly part: number;
    };

/** What is written from the timeline at a moment. */
export type ManifestResource =
  | { readonly kind: 'multivariant'; readonly flavour: Flavour }
  | { readonly kind: 'mpd' }
  | { readonly kind: 'playlist'; readonly track: string; readonly flavour: Flavour };

export type Resource = MediaResource | ManifestResource;

/** A viewer's request line, read. */
export interface Target {
  readonly stream: string;
  readonly resource: Resource;
  /** `STREAM/…`: the resource's one name, without token and query; what the cache goes by */
  readonly key: string;
  /** the text between `/t/` and `/live/`, unchecked; null for `/live/…` */
  readonly token: string | null;
  /** without the question mark */
  readonly query: string;
}

const MULTIVARIANT_FILE = { 'low-latency': 'master.m3u8', classic: 'classic.m3u8', ts: 'ts.m3u8' } as const;
const PLAYLIST_FILE = { 'low-latency': 'media.m3u8', classic: 'classic.m3u8', ts: 'ts.m3u8' } as const;
const FLAVOURS: readonly Flavour[] = ['low-latency', 'classic', 'ts'];

const MEDIA_FILE = /^(0|[1-9]\d{0,14})(?:\.(0|[1-9]\d{0,3}))?\.(m4s|ts)$/;
const TOKEN_ROOT = '/t/';
const LIVE_ROOT = '/live/';
const SESSION_PARAMETER = `;${SIGNING_PACKAGE}=`;

/**
 * Reads a request target in origin form.
 * @returns null for anything that {@link formatTarget} could not have written, whatever token or query stands around it
 */
export function parseTarget(url: string): Target | null {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const query = mark < 0 ? '' : url.slice(mark + 1);
  if (path.startsWith(TOKEN_ROOT)) {
    const end = path.indexOf('/', TOKEN_ROOT.length);
    if (end < 0 || !path.startsWith(LIVE_ROOT, end)) return null;
    return parseKey(path.slice(end + LIVE_ROOT.length), path.slice(TOKEN_ROOT.length, end), query);
  }
  if (!path.startsWith(LIVE_ROOT)) return null;
  // RFC 9246 §2: the session token may be a path parameter; it names no other resource.
  const parameter = path.indexOf(SESSION_PARAMETER);
  return parseKey(path.slice(LIVE_ROOT.length, parameter < 0 ? path.length : parameter), null, query);
}

function parseKey(key: string, token: string | null, query: string): Target | null {
  const [stream, second, third, fourth, ...rest] = key.split('/', 6);
  if (!isStreamName(stream) || second === undefined || rest.length > 0) return null;
  const resource =
    third === undefined
      ? parseStreamFile(second)
      : fourth === undefined
        ? parseTrackFile(second, third)
        : parseEpochFile(second, third, fourth);
  return resource === null ? null : { stream, resource, key, token, query };
}

function parseStreamFile(file: string): ManifestResource | null {
  if (file === 'manifest.mpd') return { kind: 'mpd' };
  const flavour = FLAVOURS.find((candidate) => MULTIVARIANT_FILE[candidate] === file);
  return flavour === undefined ? null : { kind: 'multivariant', flavour };
}

function parseTrackFile(track: string, file: string): ManifestResource | null {
  const flavour = FLAVOURS.find((candidate) => PLAYLIST_FILE[candidate] === file);
  return flavour === undefined || !isTrackId(track) ? null : { kind: 'playlist', track, flavour };
}

function parseEpochFile(track: string, epoch: string, file: string): MediaResource | null {
  if (!isTrackId(track) || !isEpochId(epoch)) return null;
  if (file === 'init.mp4') return { kind: 'init', track, epoch };
  const match = MEDIA_FILE.exec(file);
  if (match === null) return null;
  const number = Number(match[1]);
  const part = match[2];
  if (part === undefined) return { kind: match[3] === 'ts' ? 'ts' : 'segment', track, epoch, number };
  return match[3] === 'ts' ? null : { kind: 'part', track, epoch, number, part: Number(part) };
}

/** The path of a resource as {@link parseTarget} reads it, without a query. */
export function formatTarget(target: Pick<Target, 'stream' | 'resource' | 'token'>): string {
  const root = target.token === null ? LIVE_ROOT : `${TOKEN_ROOT}${target.token}${LIVE_ROOT}`;
  return `${root}${formatKey(target.stream, target.resource)}`;
}

/** The cache's name of a resource. */
export function formatKey(stream: string, resource: Resource): string {
  switch (resource.kind) {
    case 'mpd':
      return `${stream}/manifest.mpd`;
    case 'multivariant':
      return `${stream}/${MULTIVARIANT_FILE[resource.flavour]}`;
    case 'playlist':
      return `${stream}/${playlistUri(resource.track, resource.flavour)}`;
    case 'init':
    case 'segment':
    case 'part':
    case 'ts':
      return `${stream}/${resource.track}/${mediaUri(resource)}`;
  }
}

/** A media playlist's URI relative to the stream's multivariant playlist. */
export function playlistUri(track: string, flavour: Flavour): string {
  return `${track}/${PLAYLIST_FILE[flavour]}`;
}

/** An object's URI relative to its track's playlist. */
export function mediaUri(resource: MediaResource): string {
  switch (resource.kind) {
    case 'init':
      return `${resource.epoch}/init.mp4`;
    case 'segment':
      return `${resource.epoch}/${resource.number}.m4s`;
    case 'ts':
      return `${resource.epoch}/${resource.number}.ts`;
    case 'part':
      return `${resource.epoch}/${resource.number}.${resource.part}.m4s`;
  }
}

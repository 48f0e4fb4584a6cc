/** Reads a stream from an edge as a simple player would: playlists, then the objects they name. */

import { Parser, type Manifest } from 'm3u8-parser';
import { until } from './until.ts';

/** An answer, whole. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

const REQUEST_DEADLINE_MS = 15_000;

/** Any URL, read to its end. Redirects are not followed. */
export async function read(url: string | URL, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(REQUEST_DEADLINE_MS), ...init });
  return { status: response.status, headers: response.headers, body: new Uint8Array(await response.arrayBuffer()) };
}

/**
 * A URL that must be there.
 * @throws Error with the status and the beginning of the body when it is not
 */
export async function readWhole(url: string | URL): Promise<Uint8Array> {
  const { status, body } = await read(url);
  if (status !== 200) throw new Error(`${String(url)}: ${status} ${Buffer.from(body).toString().slice(0, 300)}`);
  return body;
}

/** A playlist that must be there, as text. */
export async function readText(url: string | URL): Promise<string> {
  return Buffer.from(await readWhole(url)).toString();
}

/** A playlist as an independent parser reads it. */
export function parsePlaylist(text: string): Manifest {
  const parser = new Parser();
  parser.push(text);
  parser.end();
  return parser.manifest;
}

/** The media playlists that a multivariant playlist names, by what they are. */
export interface Renditions {
  /** highest first */
  readonly variants: readonly { readonly url: URL; readonly height: number }[];
  /** null when the sound is in the variants themselves */
  readonly audio: URL | null;
}

export async function readRenditions(masterUrl: string): Promise<Renditions> {
  const manifest = parsePlaylist(await readText(masterUrl));
  const variants = (manifest.playlists ?? []).map((playlist) => ({
    url: new URL(playlist.uri, masterUrl),
    height: playlist.attributes.RESOLUTION?.height ?? 0,
  }));
  variants.sort((a, b) => b.height - a.height);
  const groups = Object.values(manifest.mediaGroups?.AUDIO ?? {}).flatMap((group) => Object.values(group));
  const uri = groups.find((group) => group.uri !== undefined)?.uri;
  return { variants, audio: uri === undefined ? null : new URL(uri, masterUrl) };
}

/** The lowest variant at the edge that was asked: a multivariant playlist names others' too. */
export async function lowestOwnVariant(masterUrl: string): Promise<URL | undefined> {
  const { host } = new URL(masterUrl);
  const { variants } = await readRenditions(masterUrl);
  return variants.findLast(({ url }) => url.host === host)?.url;
}

/** A segment of a media playlist. */
export interface NumberedSegment {
  readonly number: number;
  readonly url: URL;
  readonly mapUrl: URL | undefined;
  readonly duration: number;
  /** Unix time in ms */
  readonly programDateTime: number | undefined;
}

/** The newest whole segments of a media playlist, at most `count`, oldest first. */
export async function newestSegments(playlistUrl: URL, count: number): Promise<NumberedSegment[]> {
  return listSegments(await readText(playlistUrl), playlistUrl).slice(-count);
}

/** Waits until a stream has been on air for so many segments that a player can keep seconds ahead. */
export async function onAirFor(masterUrl: string, segments: number): Promise<void> {
  const { variants } = await readRenditions(masterUrl);
  const [rung] = variants;
  await until(`${segments} segments`, 30_000, async () => {
    return rung !== undefined && (await newestSegments(rung.url, segments)).length === segments;
  });
}

/** The whole segments that a media playlist names. */
export function listSegments(text: string, playlistUrl: URL): NumberedSegment[] {
  const manifest = parsePlaylist(text);
  return manifest.segments.map((segment, index) => ({
    number: manifest.mediaSequence + index,
    url: new URL(segment.uri, playlistUrl),
    mapUrl: segment.map === undefined ? undefined : new URL(segment.map.uri, playlistUrl),
    duration: segment.duration,
    programDateTime: segment.programDateTime,
  }));
}

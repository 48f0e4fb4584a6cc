/** Reads a stream from an edge as a simple player would: playlists, then the objects they name. */

import { Parser, type Manifest, type ManifestSegment } from 'm3u8-parser';

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

/** A run of a media playlist's newest whole segments, fetched. */
export interface SegmentRun {
  readonly segments: readonly (ManifestSegment & { readonly number: number; readonly bytes: Uint8Array })[];
  /** init (where there is one) and all segments, in order */
  readonly media: Uint8Array;
}

/** Fetches segments by number; a number the playlist does not hold is left out. */
export async function readSegments(playlistUrl: URL, wanted: (number: number) => boolean): Promise<SegmentRun> {
  const manifest = parsePlaylist(await readText(playlistUrl));
  const numbered = manifest.segments
    .map((segment, index) => ({ ...segment, number: manifest.mediaSequence + index }))
    .filter((segment) => segment.duration !== undefined && wanted(segment.number));
  const segments = [];
  for (const segment of numbered) {
    segments.push({ ...segment, bytes: await readWhole(new URL(segment.uri, playlistUrl)) });
  }
  const map = numbered[0]?.map?.uri;
  const init = map === undefined ? [] : [await readWhole(new URL(map, playlistUrl))];
  return { segments, media: Buffer.concat([...init, ...segments.map(({ bytes }) => bytes)]) };
}

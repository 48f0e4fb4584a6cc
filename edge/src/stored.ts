/** What the cache holds: a whole answer, ready to be written. */

import { createHash } from 'node:crypto';
import * as header from '@headwater/protocol/headers';
import type { Resource } from './target.ts';

/** What travels with a part from the origin, so that whoever waits for it is released by the part itself. */
export interface PartFacts {
  readonly durationTicks: number;
  readonly independent: boolean;
  readonly last: boolean;
  /** decode time of its segment's first sample */
  readonly segmentStartTicks: number;
}

/** A whole object. The bytes never change once it is made. */
export interface Stored {
  readonly body: Buffer;
  readonly mediaType: string;
  /** with its quotes; strong: the same tag stands for the same bytes, on every edge */
  readonly etag: string;
  readonly part: PartFacts | null;
  /** when it came to be here, by the monotonic clock; null for what is written for a moment and is never old */
  readonly madeMs: number | null;
}

const MEDIA_TYPE = {
  multivariant: 'application/vnd.apple.mpegurl',
  playlist: 'application/vnd.apple.mpegurl',
  mpd: 'application/dash+xml',
  ts: 'video/mp2t',
} as const;

/** The media type of a resource; CMAF of an audio track is audio (RFC 4337 §2). */
export function mediaTypeOf(resource: Resource): string {
  switch (resource.kind) {
    case 'multivariant':
    case 'playlist':
    case 'mpd':
    case 'ts':
      return MEDIA_TYPE[resource.kind];
    case 'init':
    case 'segment':
    case 'part':
      return resource.track.startsWith('a') ? 'audio/mp4' : 'video/mp4';
  }
}

/** A media object. Its name is never used for other bytes, so the name is a strong validator. */
export function storeMedia(
  key: string,
  body: Buffer,
  about: Pick<Stored, 'mediaType' | 'madeMs'> & Partial<Pick<Stored, 'part'>>,
): Stored {
  return { body, etag: `"${key}"`, part: null, ...about };
}

/** A part's facts as they travel with it. */
export function partFields({ durationTicks, independent, last, segmentStartTicks }: PartFacts): string[] {
  const shape = [header.PART_DURATION, String(durationTicks), header.SEGMENT_START, String(segmentStartTicks)];
  return [...shape, header.PART_INDEPENDENT, independent ? '1' : '0', header.PART_LAST, last ? '1' : '0'];
}

/** Under which name the cache has it, if it does. */
export function nameOf({ etag }: Stored): string {
  return etag.slice(1, -1);
}

/** A playlist or MPD: validated by a digest of its bytes. */
export function storeText(mediaType: string, text: string): Stored {
  const body = Buffer.from(text, 'utf8');
  const digest = createHash('sha256').update(body).digest('base64url');
  return { body, mediaType, etag: `"${digest.slice(0, 22)}"`, part: null, madeMs: null };
}

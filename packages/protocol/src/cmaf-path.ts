/**
 * Internal URLs: what crosses from an origin to an edge, and from edge to edge. Both directions, so that they cannot drift.
 *
 *     /cmaf/STREAM/timeline?since=REVISION     JSON TimelineChange; waits up to `WAIT_LIMIT_MS` for something newer
 *     /cmaf/STREAM/TRACK/EPOCH/init            the CMAF header
 *     /cmaf/STREAM/TRACK/EPOCH/N               a segment: byte for byte its parts; readable while it grows
 *     /cmaf/STREAM/TRACK/EPOCH/N.P             a part; a request for one not there yet waits, bounded, then 404
 */

import { isEpochId, isStreamName, isTrackId } from './names.ts';

/** How long an origin lets a request for the future wait. */
export const WAIT_LIMIT_MS = 5_000;

export type CmafPath =
  | { readonly kind: 'timeline'; readonly stream: string }
  | { readonly kind: 'init'; readonly stream: string; readonly track: string; readonly epoch: string }
  | {
      readonly kind: 'segment';
      readonly stream: string;
      readonly track: string;
      readonly epoch: string;
      readonly number: number;
    }
  | {
      readonly kind: 'part';
      readonly stream: string;
      readonly track: string;
      readonly epoch: string;
      readonly number: number;
      readonly part: number;
    };

const OBJECT = /^(\d{1,15})(?:\.(\d{1,4}))?$/;

/** The path of an object, as {@link parseCmafPath} reads it. */
export function formatCmafPath(path: CmafPath): string {
  switch (path.kind) {
    case 'timeline':
      return `/cmaf/${path.stream}/timeline`;
    case 'init':
      return `/cmaf/${path.stream}/${path.track}/${path.epoch}/init`;
    case 'segment':
      return `/cmaf/${path.stream}/${path.track}/${path.epoch}/${path.number}`;
    case 'part':
      return `/cmaf/${path.stream}/${path.track}/${path.epoch}/${path.number}.${path.part}`;
  }
}

/**
 * Reads a pathname without its query.
 * @returns null for anything that {@link formatCmafPath} could not have written
 */
export function parseCmafPath(pathname: string): CmafPath | null {
  const [empty, root, stream, track, epoch, object, ...rest] = pathname.split('/');
  if (empty !== '' || root !== 'cmaf' || rest.length > 0 || !isStreamName(stream)) return null;
  if (track === 'timeline' && epoch === undefined) return { kind: 'timeline', stream };
  if (!isTrackId(track) || !isEpochId(epoch) || object === undefined) return null;
  if (object === 'init') return { kind: 'init', stream, track, epoch };
  const match = OBJECT.exec(object);
  if (match?.[1] === undefined) return null;
  const number = canonical(match[1]);
  if (number === null) return null;
  if (match[2] === undefined) return { kind: 'segment', stream, track, epoch, number };
  const part = canonical(match[2]);
  return part === null ? null : { kind: 'part', stream, track, epoch, number, part };
}

/** Refuses leading zeros: one object, one name. */
function canonical(digits: string): number | null {
  const value = Number(digits);
  return String(value) === digits ? value : null;
}

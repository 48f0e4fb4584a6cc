/** Playlists and MPDs as they stand: written from the view when something changed, kept by the view until it does again. */

import { renderMpd } from '@headwater/media/dash/mpd';
import { renderDeltaUpdate, renderMediaPlaylist } from '@headwater/media/hls/media-playlist';
import { renderMultivariant } from '@headwater/media/hls/multivariant';
import { type SteeringProtocol, steeringPath } from '@headwater/protocol/steering';
import type { Timeline } from '@headwater/protocol/timeline';
import type { Directives } from './directives.ts';
import { mpdOf } from './repackage/dash.ts';
import { withoutMark } from './hand-over-mark.ts';
import { alongPathways, mediaPlaylistOf, multivariantOf, newestShown } from './repackage/hls.ts';
import type { Pathways } from './pathways.ts';
import { type Stored, mediaTypeOf, storeText } from './stored.ts';
import type { StreamView } from './stream-view.ts';
import { type ManifestResource, type Target, formatTarget } from './target.ts';
import { windowOf } from './timeline-reading.ts';

type Playlist = Extract<ManifestResource, { kind: 'playlist' }>;

/** What a manifest depends on besides the timeline. */
export interface ManifestMoment {
  readonly directives: Directives;
  readonly nowMs: number;
  /** scheme and authority by which the viewer reaches this edge */
  readonly base: string;
  /** of a multivariant playlist or MPD */
  readonly pathways: Pathways;
}

/** What time it is here; MPDs name it, so that players count from our clock and not from their machine's. */
export const CLOCK_PATH = '/time';

/** A manifest ready to be sent; null while there is nothing to show. The view has a timeline. */
export function writeManifest(
  view: StreamView,
  timeline: Timeline,
  target: Target & { readonly resource: ManifestResource },
  moment: ManifestMoment,
): Stored | null {
  const { resource } = target;
  const { fromMs, skip } = moment.directives;
  const mediaType = mediaTypeOf(resource);
  switch (resource.kind) {
    case 'mpd': {
      const steered = steeredMpd(target, moment);
      const mpd = mpdOf(timeline, { nowMs: moment.nowMs, clockUrl: moment.base + CLOCK_PATH, fromMs, steered });
      return mpd === null ? null : storeText(mediaType, renderMpd(mpd));
    }
    case 'multivariant': {
      const query = fromMs === undefined ? '' : `?from=${fromMs / 1000}`;
      const plain = multivariantOf(timeline, resource.flavour, query);
      const steeringUri = steeringUrl('hls', target, moment);
      const rootPath = rootOf(target);
      const { ways } = moment.pathways;
      return storeText(mediaType, renderMultivariant(alongPathways(plain, { ways, rootPath, steeringUri })));
    }
    case 'playlist': {
      if (fromMs !== undefined) return renderPlaylist(timeline, resource, { fromMs, skip: false });
      const name = skip ? `${target.key} skip` : target.key;
      const kept = view.rendered.get(name);
      if (kept?.version === view.version) return kept.stored;
      const stored = renderPlaylist(timeline, resource, { fromMs, skip });
      if (stored !== null) view.rendered.set(name, { version: view.version, stored });
      return stored;
    }
  }
}

/**
 * The places of an MPD, with the MPD itself at each: a player goes on reading it there. Even of one place alone: Shaka finds no
 * way to a place that an update names unless the first MPD was steered.
 */
function steeredMpd(target: Target, moment: ManifestMoment): NonNullable<Parameters<typeof mpdOf>[1]['steered']> {
  const { ways } = moment.pathways;
  const [first] = ways;
  if (first === undefined) return {};
  const query = withoutMark(target.query);
  const locations = ways.map(({ id, baseUrl }) => {
    const base = baseUrl ?? moment.base;
    return {
      id,
      baseUrl: base + rootOf(target),
      mpdUrl: base + formatTarget(target) + (query === '' ? '' : `?${query}`),
    };
  });
  const steering = { serverUrl: steeringUrl('dash', target, moment), defaultServiceLocation: first.id };
  return { locations, steering };
}

function steeringUrl(protocol: SteeringProtocol, { stream }: Target, { pathways, base }: ManifestMoment): string {
  const ids = pathways.ways.map(({ id }) => id);
  return (pathways.steeringBase ?? base) + steeringPath(protocol, { stream, pathways: ids });
}

/** The stream's folder. */
function rootOf(target: Target): string {
  const path = formatTarget(target);
  return path.slice(0, path.lastIndexOf('/') + 1);
}

function renderPlaylist(
  timeline: Timeline,
  resource: Playlist,
  { fromMs, skip }: Pick<Directives, 'fromMs' | 'skip'>,
): Stored | null {
  const track = timeline.tracks.find(({ id }) => id === resource.track);
  if (track === undefined) return null;
  const playlist = mediaPlaylistOf(timeline, { track, flavour: resource.flavour, fromMs });
  if (playlist === null) return null;
  return storeText(mediaTypeOf(resource), skip ? renderDeltaUpdate(playlist) : renderMediaPlaylist(playlist));
}

/** Whether a track is missing although the stream has begun. */
export function isUnknownTrack(timeline: Timeline, resource: ManifestResource): boolean {
  return resource.kind === 'playlist' && hasMedia(timeline) && !timeline.tracks.some(({ id }) => id === resource.track);
}

/** Whether there is anything to show yet. */
export function hasBegun(timeline: Timeline, resource: ManifestResource): boolean {
  return resource.kind === 'playlist'
    ? newestShown(timeline, resource.track, resource.flavour) !== null
    : hasMedia(timeline);
}

function hasMedia(timeline: Timeline): boolean {
  return timeline.tracks.length > 0 && timeline.tracks.every(({ id }) => (windowOf(timeline, id)?.length ?? 0) > 0);
}

/** Playlists and MPDs as they stand: written from the view when something changed, kept by the view until it does again. */

import { renderMpd } from '@headwater/media/dash/mpd';
import { renderDeltaUpdate, renderMediaPlaylist } from '@headwater/media/hls/media-playlist';
import { renderMultivariant } from '@headwater/media/hls/multivariant';
import type { Timeline } from '@headwater/protocol/timeline';
import type { Directives } from './directives.ts';
import { mpdOf } from './repackage/dash.ts';
import { mediaPlaylistOf, multivariantOf } from './repackage/hls.ts';
import { lastComplete } from './repackage/window.ts';
import { type Stored, mediaTypeOf, storeText } from './stored.ts';
import type { StreamView } from './stream-view.ts';
import type { ManifestResource, Target } from './target.ts';
import { positionOf } from './timeline-reading.ts';

type Playlist = Extract<ManifestResource, { kind: 'playlist' }>;

/** A manifest ready to be sent; null while there is nothing to show. The view has a timeline. */
export function writeManifest(
  view: StreamView,
  timeline: Timeline,
  target: Target & { readonly resource: ManifestResource },
  moment: { readonly directives: Directives; readonly nowMs: number; readonly clockUrl: string },
): Stored | null {
  const { resource } = target;
  const { fromMs, skip } = moment.directives;
  const mediaType = mediaTypeOf(resource);
  switch (resource.kind) {
    case 'mpd': {
      const mpd = mpdOf(timeline, { nowMs: moment.nowMs, clockUrl: moment.clockUrl, fromMs });
      return mpd === null ? null : storeText(mediaType, renderMpd(mpd));
    }
    case 'multivariant': {
      const query = fromMs === undefined ? '' : `?from=${fromMs / 1000}`;
      return storeText(mediaType, renderMultivariant(multivariantOf(timeline, resource.flavour, query)));
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
  if (resource.kind !== 'playlist') return hasMedia(timeline);
  if (resource.flavour === 'low-latency') return positionOf(timeline, resource.track) !== null;
  return lastComplete(timeline, resource.track) !== null;
}

function hasMedia(timeline: Timeline): boolean {
  return timeline.tracks.length > 0 && timeline.tracks.every(({ id }) => (timeline.windows[id]?.length ?? 0) > 0);
}

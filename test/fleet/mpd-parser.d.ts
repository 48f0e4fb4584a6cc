/** What the tests read of mpd-parser, which comes without types. */
declare module 'mpd-parser' {
  export interface MpdSegment {
    readonly number: number;
    readonly resolvedUri: string;
    readonly duration: number;
    readonly map: { readonly resolvedUri: string };
  }
  export interface MpdPlaylist {
    readonly attributes: {
      readonly RESOLUTION?: { readonly width: number; readonly height: number };
      readonly CODECS?: string;
      readonly BANDWIDTH: number;
    };
    readonly segments: readonly MpdSegment[];
  }
  export interface MpdManifest {
    readonly playlists: readonly MpdPlaylist[];
    readonly mediaGroups: {
      readonly AUDIO: Readonly<
        Record<string, Readonly<Record<string, { readonly playlists: readonly MpdPlaylist[] }>>>
      >;
    };
    readonly minimumUpdatePeriod?: number;
  }
  export function parse(text: string, options: { readonly manifestUri: string; readonly NOW?: number }): MpdManifest;
}

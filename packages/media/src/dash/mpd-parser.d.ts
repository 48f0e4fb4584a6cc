/** What the tests read of mpd-parser, which comes without types. */
declare module 'mpd-parser' {
  interface Segment {
    readonly uri: string;
    readonly duration: number;
    readonly map: { readonly uri: string };
  }
  interface Playlist {
    readonly attributes: Readonly<Record<string, unknown>>;
    readonly segments: readonly Segment[];
    readonly discontinuityStarts: readonly number[];
  }
  interface Manifest {
    readonly playlists: readonly Playlist[];
    readonly mediaGroups: {
      readonly AUDIO: Readonly<Record<string, Readonly<Record<string, { readonly playlists: readonly Playlist[] }>>>>;
    };
    readonly duration: number;
    readonly endList: boolean;
    readonly minimumUpdatePeriod?: number;
  }
  export function parse(text: string, options: { readonly manifestUri: string; readonly NOW?: number }): Manifest;
  export function parseUTCTiming(text: string): { readonly method: string; readonly value: string | number } | null;
}

/** What the tests read of m3u8-parser, which comes without types. */
declare module 'm3u8-parser' {
  export interface ManifestPart {
    readonly uri: string;
    readonly duration: number;
    readonly independent?: boolean;
  }
  export interface ManifestSegment {
    readonly uri: string;
    readonly duration: number;
    readonly map?: { readonly uri: string };
    /** Unix time in ms */
    readonly programDateTime?: number;
    readonly discontinuity?: boolean;
    readonly parts?: readonly ManifestPart[];
  }
  export interface Manifest {
    readonly version?: number;
    readonly targetDuration?: number;
    readonly partTargetDuration?: number;
    readonly mediaSequence: number;
    readonly discontinuitySequence: number;
    readonly discontinuityStarts: readonly number[];
    readonly endList?: boolean;
    readonly segments: readonly ManifestSegment[];
    readonly preloadSegment?: { readonly parts?: readonly ManifestPart[] };
    readonly playlists?: readonly {
      readonly uri: string;
      readonly attributes: {
        readonly RESOLUTION?: { readonly width: number; readonly height: number };
        readonly BANDWIDTH?: number;
        readonly CODECS?: string;
      };
    }[];
    readonly mediaGroups?: {
      readonly AUDIO?: Readonly<Record<string, Readonly<Record<string, { readonly uri?: string }>>>>;
    };
  }
  export class Parser {
    readonly manifest: Manifest;
    push(text: string): void;
    end(): void;
  }
}

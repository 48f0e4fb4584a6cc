/** What the tests read of m3u8-parser, which comes without types. */
declare module 'm3u8-parser' {
  interface Part {
    readonly uri: string;
  }
  interface Segment {
    readonly uri: string;
    readonly duration: number;
    readonly map?: { readonly uri: string };
    readonly dateTimeObject?: Date;
    readonly parts?: readonly Part[];
  }
  interface Manifest {
    readonly version: number;
    readonly targetDuration: number;
    readonly partTargetDuration?: number;
    readonly mediaSequence: number;
    readonly discontinuitySequence: number;
    readonly discontinuityStarts: readonly number[];
    readonly independentSegments?: boolean;
    readonly endList?: boolean;
    readonly serverControl?: Readonly<Record<string, number | boolean>>;
    readonly segments: readonly Segment[];
    readonly preloadSegment?: { readonly parts?: readonly Part[]; readonly preloadHints?: readonly object[] };
    readonly renditionReports?: readonly object[];
    readonly skip?: { readonly skippedSegments: number };
    readonly playlists?: ReadonlyArray<{ readonly uri: string; readonly attributes: object }>;
    readonly mediaGroups: {
      readonly AUDIO: Readonly<
        Record<string, Readonly<Record<string, { readonly uri: string; readonly default: boolean }>>>
      >;
    };
  }
  export class Parser {
    readonly manifest: Manifest;
    push(text: string): void;
    end(): void;
  }
}

/** What a parser brings along to be fuzzed. A file in `targets/` that exports one as `target` takes part: nothing else is needed. */
export interface FuzzTarget {
  readonly name: string;
  /** under `src/`: the files whose branches the run must reach */
  readonly files: readonly string[];
  /** `boxes`: inputs are ISO-BMFF, and mutations know where boxes and their sizes are */
  readonly shape: 'boxes' | 'bytes';
  /** how many parsers share the target; each has as many mutations as a target of one */
  readonly parsers?: number;
  /** valid inputs, beside those in `corpus/NAME` */
  readonly seeds: readonly Uint8Array[];
  /**
   * Parses an input and checks what must hold of an accepted one. A MediaError rejects it; anything else that is thrown is a failure.
   * @returns whether what was parsed could be written again (and was parsed to the same)
   */
  readonly run: (input: Uint8Array) => boolean;
}

/**
 * Branch coverage as V8 counts it, and as Node's test runner and c8 report it: a branch is a block that V8 gives a count of its own.
 * A function that was never called counts as one branch that was not reached.
 */
import { Session, type Profiler } from 'node:inspector/promises';
import { pathToFileURL } from 'node:url';

export interface BranchCoverage {
  readonly file: string;
  readonly reached: number;
  readonly branches: number;
  /** the first line of each branch that was not reached */
  readonly missedLines: readonly number[];
}

/** Counts from its start on. Start it before the measured files are loaded. */
export class CoverageMeter {
  readonly #session = new Session();
  /** every function there is, by script: V8 leaves those out of a later reading that were not called since */
  #known = new Map<string, readonly Profiler.FunctionCoverage[]>();

  async start(): Promise<void> {
    this.#session.connect();
    await this.#session.post('Profiler.enable');
    await this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Forgets what was counted so far: making the seeds must not count. */
  async reset(): Promise<void> {
    const { result } = await this.#session.post('Profiler.takePreciseCoverage');
    this.#known = new Map(result.map(({ url, functions }) => [url, functions]));
  }

  /** @param files absolute paths with their texts */
  async finish(files: ReadonlyMap<string, string>): Promise<BranchCoverage[]> {
    const { result } = await this.#session.post('Profiler.takePreciseCoverage');
    this.#session.disconnect();
    const byUrl = new Map(result.map((script) => [script.url, script]));
    return [...files].map(([file, text]) => {
      const url = pathToFileURL(file).href;
      return summarize(file, text, withUncalled(byUrl.get(url)?.functions ?? [], this.#known.get(url) ?? []));
    });
  }
}

/** The functions that were read, and those known from before that were not called since. */
function withUncalled(
  read: readonly Profiler.FunctionCoverage[],
  known: readonly Profiler.FunctionCoverage[],
): Profiler.FunctionCoverage[] {
  const nameOf = ({ ranges }: Profiler.FunctionCoverage): string => `${ranges[0]?.startOffset}-${ranges[0]?.endOffset}`;
  const names = new Set(read.map(nameOf));
  const uncalled = known.filter((one) => !names.has(nameOf(one)));
  return [
    ...read,
    ...uncalled.map((one) => ({ ...one, ranges: one.ranges.slice(0, 1).map((range) => ({ ...range, count: 0 })) })),
  ];
}

function summarize(file: string, text: string, functions: readonly Profiler.FunctionCoverage[]): BranchCoverage {
  let reached = 0;
  const missedOffsets: number[] = [];
  for (const { ranges } of functions) {
    for (const range of ranges) {
      // The module itself ran when it was loaded.
      if (range.startOffset === 0 && range.endOffset >= text.length) continue;
      if (range.count > 0) reached += 1;
      else missedOffsets.push(range.startOffset);
    }
  }
  const missedLines = missedOffsets.map((offset) => text.slice(0, offset).split('\n').length);
  return { file, reached, branches: reached + missedOffsets.length, missedLines };
}

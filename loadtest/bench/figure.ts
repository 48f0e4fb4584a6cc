/** What a figure of the benchmark is. */

/** One line of the table. */
export interface Measured {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** the promise, in the same unit; null where there is none */
  readonly bound: { readonly least?: number; readonly most?: number } | null;
  /** how it was had, what it was compared with, the spread */
  readonly note: string;
}

/** One figure of the benchmark: `--only NAME` runs it alone. */
export interface Figure {
  readonly name: string;
  /** what is measured, how, against what */
  readonly description: string;
  run(): Promise<FigureResult>;
}

/** What a figure gives back: its lines, and whole texts that belong to them, such as another server's configuration. */
export interface FigureResult {
  readonly lines: readonly Measured[];
  readonly appendix?: Readonly<Record<string, string>>;
}

/** Whether a line keeps its promise. */
export function holds({ value, bound }: Measured): boolean {
  if (bound === null) return true;
  return value >= (bound.least ?? -Infinity) && value <= (bound.most ?? Infinity);
}

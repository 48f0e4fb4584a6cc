/** What the watcher and its workers say to each other. */
import type { BranchCoverage } from './coverage.ts';

export interface WorkerRequest {
  readonly file: string;
  readonly mutations: number;
  readonly seedNumber: number;
  /** what is being tried, for the watcher: 0 nothing yet, 1 the corpus, from {@link FIRST_MUTATION} on the mutations */
  readonly progress: Int32Array;
}

export const FIRST_MUTATION = 2;

export interface TargetFailure {
  /** of the mutation, or of the corpus file */
  readonly input: number | string;
  readonly stack: string;
}

export interface TargetReport {
  readonly accepted: number;
  readonly rejected: number;
  readonly roundTripped: number;
  readonly failure?: TargetFailure;
  readonly coverage: readonly BranchCoverage[];
}

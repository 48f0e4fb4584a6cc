/** The worker: runs one target over its mutations and reports. It may hang or die; `fuzz.ts` watches it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { CoverageMeter } from './coverage.ts';
import { Mutator } from './mutate.ts';
import { loadCorpus, loadTarget, SOURCE_FOLDER } from './load-target.ts';
import { FIRST_MUTATION, type TargetFailure, type TargetReport, type WorkerRequest } from './report.ts';
import type { FuzzTarget } from './target.ts';

/** A rejection costs more in its stack trace than in its parsing; a failure is run again with one. */
const FULL_STACK_FRAMES = 30;

type Outcome = 'accepted' | 'roundTripped' | 'rejected';

async function runTarget(request: WorkerRequest): Promise<TargetReport> {
  const meter = new CoverageMeter();
  await meter.start();
  const target = await loadTarget(request.file);
  const corpus = loadCorpus(target.name);
  const seeds = [...target.seeds, ...corpus.filter(({ valid }) => valid).map(({ bytes }) => bytes)];
  const mutator = new Mutator(target, seeds, request.seedNumber);
  await meter.reset();

  const counts = { accepted: 0, rejected: 0, roundTripped: 0 };
  Atomics.store(request.progress, 0, 1);
  const failure = replay(target, seeds, corpus) ?? mutateAll(target, mutator, request, counts);
  const files = target.files.map((file) => join(SOURCE_FOLDER, file));
  const coverage = await meter.finish(new Map(files.map((file) => [file, readFileSync(file, 'utf8')])));
  return { ...counts, coverage, ...(failure === undefined ? {} : { failure }) };
}

/** First what is known: a valid input is accepted, and what crashed once does so no more. */
function replay(
  target: FuzzTarget,
  seeds: readonly Uint8Array[],
  corpus: ReturnType<typeof loadCorpus>,
): TargetFailure | undefined {
  for (const [index, seed] of seeds.entries()) {
    const outcome = attempt(target, seed);
    if (outcome === 'rejected') return { input: `seed ${index}`, stack: 'a valid input was rejected' };
    if (typeof outcome !== 'string') return { input: `seed ${index}`, stack: outcome.stack };
  }
  for (const { name, bytes } of corpus) {
    const outcome = attempt(target, bytes);
    if (typeof outcome !== 'string') return { input: name, stack: outcome.stack };
  }
  return undefined;
}

function mutateAll(
  target: FuzzTarget,
  mutator: Mutator,
  { mutations, progress }: WorkerRequest,
  counts: { accepted: number; rejected: number; roundTripped: number },
): TargetFailure | undefined {
  for (let index = 0; index < mutations; index += 1) {
    Atomics.store(progress, 0, index + FIRST_MUTATION);
    const outcome = attempt(target, mutator.input(index));
    if (typeof outcome !== 'string') return { input: index, stack: outcome.stack };
    if (outcome === 'rejected') counts.rejected += 1;
    else counts.accepted += 1;
    if (outcome === 'roundTripped') counts.roundTripped += 1;
  }
  return undefined;
}

function attempt(target: FuzzTarget, input: Uint8Array): Outcome | { stack: string } {
  try {
    return target.run(input) ? 'roundTripped' : 'accepted';
  } catch (error) {
    if (error instanceof Error && error.name === 'MediaError') return 'rejected';
    return { stack: withStack(target, input) };
  }
}

function withStack(target: FuzzTarget, input: Uint8Array): string {
  Error.stackTraceLimit = FULL_STACK_FRAMES;
  try {
    target.run(input);
    return 'it failed once and not again: the target keeps state';
  } catch (error) {
    return error instanceof Error ? String(error.stack) : String(error);
  }
}

Error.stackTraceLimit = 0;
const report = await runTarget(workerData as WorkerRequest);
parentPort?.postMessage(report, []);

/**
 * Fuzzes every parser of the package: `npm run fuzz -w @headwater/media [-- --only NAME --mutations N --seed N]`. Fails on an
 * exception that is not a MediaError, on an input that takes too long, on a round trip that changes something, on a parser file
 * whose branches are not reached, and on a file that parses and is in no target.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { CORPUS_FOLDER, CRASH_PREFIX, listTargets, loadCorpus, loadTarget, SOURCE_FOLDER } from './load-target.ts';
import { Mutator } from './mutate.ts';
import { FIRST_MUTATION, type TargetReport, type WorkerRequest } from './report.ts';
import type { FuzzTarget } from './target.ts';

const DEFAULT_MUTATIONS = 200_000;
/** An input on which a worker stays this long hangs it. Generous: the machine may be busy; a parse takes microseconds. */
const INPUT_LIMIT_MS = 5_000;
const WATCH_INTERVAL_MS = 250;
/** A parser that allocates without bound runs into this. */
const WORKER_HEAP_LIMIT_MIB = 256;
const BRANCH_COVERAGE_FLOOR = 0.9;

/** What a file that parses looks like: it must be in some target's list. */
const PARSES = /^export (?:function \*?(?:parse|read|each|from|to)[A-Z]|class \w+Reader)/m;
/** Readers of our own plain data, not of bytes that come from outside. */
const NO_PARSERS: ReadonlySet<string> = new Set(['ts/clock.ts']);

interface Options {
  readonly mutations: number;
  readonly seedNumber: number;
}

interface Verdict {
  readonly target: FuzzTarget;
  readonly report: TargetReport | undefined;
  readonly problems: readonly string[];
}

async function fuzzTarget(file: string, given: Options): Promise<Verdict> {
  const target = await loadTarget(file);
  const options = { ...given, mutations: given.mutations * (target.parsers ?? 1) };
  const progress = new Int32Array(new SharedArrayBuffer(4));
  const request: WorkerRequest = { file, ...options, progress };
  const worker = new Worker(new URL('run-target.ts', import.meta.url), {
    workerData: request,
    resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_LIMIT_MIB },
  });
  const { promise, resolve } = Promise.withResolvers<TargetReport | string>();
  worker.once('message', resolve);
  worker.once('error', (error) => resolve(String(error)));
  worker.once('exit', (code) => resolve(`the worker ended with ${code}`));
  const watch = watchProgress(progress, () => resolve(`it took longer than ${INPUT_LIMIT_MS} ms`));
  const outcome = await promise;
  clearInterval(watch);
  await worker.terminate();
  if (typeof outcome === 'string') {
    const index = Atomics.load(progress, 0) - FIRST_MUTATION;
    const input = index < 0 ? 'the corpus' : `input ${index}, kept as ${keepCrasher(target, index, options)}`;
    return { target, report: undefined, problems: [`${input}: ${outcome}`] };
  }
  return { target, report: outcome, problems: judge(target, outcome, options) };
}

/** Calls `onStall` once when the same input stays on for too long. */
function watchProgress(progress: Int32Array, onStall: () => void): NodeJS.Timeout {
  let last = 0;
  let stalledMs = 0;
  return setInterval(() => {
    const now = Atomics.load(progress, 0);
    stalledMs = now === last && now > 0 ? stalledMs + WATCH_INTERVAL_MS : 0;
    last = now;
    if (stalledMs >= INPUT_LIMIT_MS) onStall();
  }, WATCH_INTERVAL_MS);
}

function judge(target: FuzzTarget, report: TargetReport, options: Options): string[] {
  const problems: string[] = [];
  const { failure, coverage } = report;
  if (failure !== undefined) {
    const kept = typeof failure.input === 'number' ? `\n  kept as ${keepCrasher(target, failure.input, options)}` : '';
    problems.push(`input ${failure.input}: ${failure.stack}${kept}`);
  }
  for (const { file, reached, branches, missedLines } of coverage) {
    if (branches > 0 && reached / branches >= BRANCH_COVERAGE_FLOOR) continue;
    const lines = missedLines.join(', ');
    problems.push(`${relative(SOURCE_FOLDER, file)}: ${reached} of ${branches} branches; not those at lines ${lines}`);
  }
  return problems;
}

/** Puts the input where every later run tries it first. */
function keepCrasher(target: FuzzTarget, index: number, { seedNumber }: Options): string {
  const valid = loadCorpus(target.name).filter((file) => file.valid);
  const mutator = new Mutator(target, [...target.seeds, ...valid.map(({ bytes }) => bytes)], seedNumber);
  const bytes = mutator.input(index);
  const folder = join(CORPUS_FOLDER, target.name);
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
  const path = join(folder, `${CRASH_PREFIX}${digest}.bin`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, bytes);
  return relative(process.cwd(), path);
}

/** Files that parse and that no target names. */
function findUnfuzzed(targets: readonly FuzzTarget[]): string[] {
  const named = new Set(targets.flatMap((target) => target.files));
  return readdirSync(SOURCE_FOLDER, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.endsWith('.d.ts'))
    .filter((file) => !named.has(file) && !NO_PARSERS.has(file))
    .filter((file) => PARSES.test(readFileSync(join(SOURCE_FOLDER, file), 'utf8')))
    .map((file) => `${file} parses, and no target in fuzz/targets names it`);
}

/** The largest inputs first: they take longest, and then no core ends up with a long one alone. */
async function orderTargets(only: string | undefined): Promise<string[]> {
  const sized: { file: string; bytes: number }[] = [];
  for (const file of listTargets()) {
    if (only !== undefined && file !== `${only}.ts`) continue;
    const target = await loadTarget(file);
    const inputs = [...target.seeds, ...loadCorpus(target.name).map((entry) => entry.bytes)];
    sized.push({ file, bytes: inputs.reduce((sum, input) => sum + input.length, 0) / inputs.length });
  }
  return sized.sort((a, b) => b.bytes - a.bytes).map(({ file }) => file);
}

function formatVerdict({ target, report, problems }: Verdict): string {
  const lines: string[] = [];
  if (report !== undefined) {
    const { accepted, rejected, roundTripped } = report;
    const counts = [accepted + rejected, rejected, accepted, roundTripped].map((count) => String(count).padStart(9));
    lines.push(`${target.name.padEnd(14)}${counts.join('')}`);
    for (const { file, reached, branches } of report.coverage) {
      const percent = ((100 * reached) / branches).toFixed(1).padStart(6);
      lines.push(`    ${relative(SOURCE_FOLDER, file).padEnd(28)}${percent}%  ${reached}/${branches} branches`);
    }
  }
  for (const problem of problems) lines.push(`  FAILED ${target.name}: ${problem}`);
  return `${lines.join('\n')}\n`;
}

/** A run of no mutations would pass. */
function countOf(option: string, text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new Error(`--${option} wants a whole number above 0, not ${text}`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { only: { type: 'string' }, mutations: { type: 'string' }, seed: { type: 'string' } },
  });
  const options = {
    mutations: countOf('mutations', values.mutations ?? String(DEFAULT_MUTATIONS)),
    seedNumber: countOf('seed', values.seed ?? '1'),
  };
  const waiting = await orderTargets(values.only);
  const verdicts: Verdict[] = [];
  process.stdout.write(`${'parser'.padEnd(14)}mutations rejected accepted rewritten\n`);
  const lanes = Array.from({ length: availableParallelism() }, async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const verdict = await fuzzTarget(file, options);
      process.stdout.write(formatVerdict(verdict));
      verdicts.push(verdict);
    }
  });
  await Promise.all(lanes);
  const unfuzzed = values.only === undefined ? findUnfuzzed(verdicts.map(({ target }) => target)) : [];
  for (const problem of unfuzzed) process.stdout.write(`FAILED ${problem}\n`);
  const failed = unfuzzed.length + verdicts.filter(({ problems }) => problems.length > 0).length;
  process.stdout.write(`${verdicts.length} parsers, ${failed} failures, ${Math.ceil(process.uptime())} s\n`);
  process.exitCode = failed === 0 && verdicts.length > 0 ? 0 : 1;
}

await main();

/** A process that plays histories to an edge of its own and tells its parent what broke; see `simulate.ts`. */

import { EVERYTHING, generateHistory } from './generate.ts';
import { type History, describeHistory } from './history.ts';
import { judge } from './model.ts';
import { play } from './play.ts';
import { PROMISES } from './promises.ts';
import { SHORT_WAITS, SMALL_SLICES } from './scaled-down.ts';
import { SEEDED_BUGS } from './seeded-bugs.ts';
import { shrink } from './shrink.ts';
import type { Assignment, Failure, Report } from './simulate.ts';
import { editSources } from './source-edits.ts';
import type { Violation } from './verdict.ts';

const assignment = JSON.parse(process.argv[2] ?? '{}') as Assignment;
const bug = SEEDED_BUGS.find(({ name }) => name === assignment.bug);
if (assignment.bug !== null && bug === undefined) throw new RangeError(`no bug ${assignment.bug}`);
const remaining = editSources([SMALL_SLICES, ...SHORT_WAITS, ...(bug === undefined ? [] : [bug])]);
const { startEdgeUnderTest } = await import('./edge-under-test.ts');
const [missed] = remaining();
if (missed !== undefined) throw new RangeError(`${missed.file} is not loaded`);

const { layout } = assignment;
const repertoire = layout === null ? EVERYTHING : { ...EVERYTHING, layouts: [[1, layout]] as const };
const report: Report = { histories: 0, requests: 0, hits: 0, failures: [], cpuMs: 0 };
const playing = new Set<number>();
// Whatever nobody caught would have ended an edge. Which history it was cannot be told from outside: one of those.
process.on('uncaughtException', (error) => crash(error));
process.on('unhandledRejection', (error) => crash(error));
let next = assignment.seed;
const end = assignment.seed + assignment.histories;
await Promise.all(Array.from({ length: assignment.together }, () => playOn()));
finish();

function finish(): void {
  report.cpuMs = process.cpuUsage().user / 1000;
  process.send?.(report);
  process.disconnect?.();
}

function crash(error: unknown): void {
  process.removeAllListeners('uncaughtException');
  const text = `${error instanceof Error ? error.stack : String(error)}\nwhile playing ${[...playing].join(', ')}`;
  const failures = [...playing].slice(0, 1).map((seed) => ({ seed, rule: 'crash', text }));
  report.failures.push(...failures);
  finish();
  process.exitCode = 0;
  setImmediate(() => process.kill(process.pid, 'SIGTERM'));
}

/** One history after the other, until they are done or enough is known. */
async function playOn(): Promise<void> {
  while (next < end && report.failures.length < assignment.failures) {
    const seed = next;
    next += 1;
    const history = generateHistory(seed, repertoire);
    playing.add(seed);
    const violations = await violationsOf(history);
    playing.delete(seed);
    report.histories += 1;
    const [first] = violations;
    if (first !== undefined && report.failures.length < assignment.failures) {
      report.failures.push(await failureOf(history, first));
    }
  }
}

async function violationsOf(history: History): Promise<Violation[]> {
  const transcript = await play(history, startEdgeUnderTest);
  report.requests += transcript.asked.length;
  report.hits += transcript.asked.filter(({ answer }) => answer.get('cache-status')?.includes('; hit')).length;
  return judge(transcript, PROMISES);
}

async function failureOf(history: History, violation: Violation): Promise<Failure> {
  const { seed } = history;
  if (!assignment.shrinks)
    return { seed, rule: violation.rule, text: `${violation.detail}\n${describeHistory(history)}` };
  const small = await shrink(history, async (smaller) =>
    (await violationsOf(smaller)).some(({ rule }) => rule === violation.rule),
  );
  const [again = violation] = (await violationsOf(small)).filter(({ rule }) => rule === violation.rule);
  return { seed, rule: violation.rule, text: `step ${again.step}: ${again.detail}\n${describeHistory(small)}` };
}

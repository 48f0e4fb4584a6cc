/**
 * The benchmark: `npm run bench -- [--only NAME] [--json FILE]`. Prints a table; its exit code is 1 when a promise is not
 * kept, or a figure could not be had.
 */

import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { admission } from './admission.ts';
import { chunkLatency } from './chunk-latency.ts';
import { diskRead } from './disk-read.ts';
import { diskRestart } from './disk-restart.ts';
import { edgeDeath } from './edge-death.ts';
import { edgeMemory } from './edge-memory.ts';
import { holds, type Figure, type FigureResult } from './figure.ts';
import { fills } from './fills.ts';
import { geoDecisions } from './geo-decisions.ts';
import { jitTs } from './jit-ts.ts';
import { parents } from './parents.ts';
import { publishStart } from './publish-start.ts';
import { purgeEffect } from './purge-effect.ts';
import { rangeFlood } from './range-flood.ts';
import { restart } from './restart.ts';
import { secureHit } from './secure-hit.ts';
import { segmentHit } from './segment-hit.ts';
import { workers } from './workers.ts';

const FIGURES: readonly Figure[] = [
  publishStart,
  chunkLatency,
  segmentHit,
  secureHit,
  workers,
  jitTs,
  edgeMemory,
  geoDecisions,
  edgeDeath,
  purgeEffect,
  fills,
  parents,
  rangeFlood,
  admission,
  diskRestart,
  diskRead,
  restart,
];

interface Report {
  readonly machine: Readonly<Record<string, string | number>>;
  readonly figures: Record<string, FigureResult & { readonly description: string }>;
  readonly failures: Record<string, string>;
}

process.exitCode = await bench();

async function bench(): Promise<number> {
  const { values } = parseArgs({ options: { json: { type: 'string' }, only: { type: 'string' } } });
  const chosen = FIGURES.filter(({ name }) => values.only === undefined || values.only === name);
  if (chosen.length === 0) {
    console.error(`there is no figure ${values.only}; there are ${FIGURES.map(({ name }) => name).join(', ')}`);
    return 64;
  }
  const report: Report = { machine: describeMachine(), figures: {}, failures: {} };
  console.log(
    Object.entries(report.machine)
      .map(([name, value]) => `${name}: ${value}`)
      .join('\n'),
  );
  for (const figure of chosen) {
    console.log(`\n## ${figure.name}\n${figure.description}`);
    try {
      const result = await figure.run();
      report.figures[figure.name] = { description: figure.description, ...result };
      print(result);
    } catch (error) {
      report.failures[figure.name] = String(error);
      console.error(error);
    }
  }
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
  const kept = Object.values(report.figures).every(({ lines }) => lines.every(holds));
  return kept && Object.keys(report.failures).length === 0 ? 0 : 1;
}

function describeMachine(): Report['machine'] {
  return {
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? 'unknown',
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: release(),
    node: process.version,
    ffmpeg: execFileSync('ffmpeg', ['-version'], { encoding: 'utf8' }).split(' ').slice(0, 3).join(' '),
  };
}

function print({ lines, appendix }: FigureResult): void {
  const rows = lines.map((line) => [
    line.what,
    `${Number(line.value.toPrecision(4))} ${line.unit}`,
    describeBound(line.bound),
    line.bound === null ? '' : holds(line) ? 'kept' : 'NOT KEPT',
    line.note,
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows) {
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  }
  for (const [name, text] of Object.entries(appendix ?? {})) console.log(`\n${name}:\n${text}`);
}

function describeBound(bound: { readonly least?: number; readonly most?: number } | null): string {
  if (bound === null) return '';
  if (bound.least !== undefined) return `≥ ${bound.least}`;
  return `≤ ${bound.most}`;
}

/**
 * `npm run bench:failover`: every fault of `test/chaos`, on real parts, as a table of what was measured. Ends with 1 when one did
 * not hold.
 */

import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');
const DEADLINE_MS = 300_000;
const DETAIL_INDENT = '      ';

interface Row {
  readonly name: string;
  readonly held: boolean;
  readonly figures: string[];
}

/** What is read of the runner's events. */
interface TestEvent {
  readonly type: string;
  readonly data: {
    readonly name?: string;
    readonly message?: string;
    readonly nesting: number;
    readonly details?: { readonly type?: string };
  };
}

const files = globSync('test/chaos/*.test.ts', { cwd: ROOT });
const rows: Row[] = [];
const events = run({ files: files.toSorted().map((file) => join(ROOT, file)), concurrency: 1, timeout: DEADLINE_MS });
for await (const { type, data } of events as AsyncIterable<TestEvent>) {
  if (type === 'test:pass' || type === 'test:fail') {
    if (data.details?.type !== 'suite') rows.push({ name: data.name ?? '', held: type === 'test:pass', figures: [] });
  } else if (type === 'test:diagnostic' && data.nesting > 0) {
    rows.at(-1)?.figures.push(data.message ?? '');
  }
}
console.log(`${availableParallelism()} cores, ${process.version}\n`);
for (const { name, held, figures } of rows) {
  console.log(`${held ? 'held ' : 'BROKE'} ${name}`);
  for (const figure of figures) console.log(DETAIL_INDENT + figure);
}
process.exitCode = rows.length > 0 && rows.every(({ held }) => held) ? 0 : 1;

/** The edge under the simulator: thousands of histories without a violation, and every seeded bug caught. */

import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { suite, test } from 'node:test';
import { HISTORIES, SEED } from '@headwater/test/fleet/config.ts';
import { SEEDED_BUGS } from './seeded-bugs.ts';
import { simulate, simulateAll } from './simulate.ts';

const PROCESSES = Math.min(availableParallelism(), 4);
const TOGETHER = 6;
/** A run that is told fewer would prove little. */
const LEAST_HIT_SHARE = 0.15;

test(`the edge keeps to RFC 9111 and to its promises in ${HISTORIES} histories from seed ${SEED}`, async (context) => {
  const assignment = {
    seed: SEED,
    histories: HISTORIES,
    together: TOGETHER,
    layout: null,
    bug: null,
    failures: 3,
    shrinks: true,
  };
  const report = await simulateAll(assignment, PROCESSES);
  const failures = report.failures.map(({ seed, rule, text }) => `seed ${seed}: ${rule}: ${text}`);
  assert.equal(failures.join('\n\n'), '');
  assert.equal(report.histories, HISTORIES);
  // Where nothing came out of the cache nothing was tried.
  assert.ok(report.hits / report.requests > LEAST_HIT_SHARE, `${report.hits} hits of ${report.requests} requests`);
  context.diagnostic(
    `${report.requests} requests, ${report.hits} hits, ${Math.round(report.cpuMs / 1000)} s of processor time`,
  );
});

suite('a bug in the edge is caught', { concurrency: PROCESSES }, () => {
  for (const { name, within, layout = 'alone' } of SEEDED_BUGS) {
    test(name, async (context) => {
      const assignment = {
        seed: SEED,
        histories: within,
        together: TOGETHER,
        layout,
        bug: name,
        failures: 1,
        shrinks: false,
      };
      const { failures, histories } = await simulate(assignment);
      const [failure] = failures;
      assert.ok(failure !== undefined, `not caught in ${histories} histories`);
      context.diagnostic(`by history ${failure.seed}: ${failure.rule}`);
    });
  }
});

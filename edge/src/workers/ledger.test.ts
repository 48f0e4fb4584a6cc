import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger } from './ledger.ts';
import type { Report } from './messages.ts';

function report(answers: number, more: Partial<Report> = {}): Report {
  const metrics = `# HELP a Answers.\n# TYPE a counter\na ${answers}\n`;
  return {
    answers,
    sentBytes: 10 * answers,
    failures: 1,
    connections: 5,
    busy: { cpu: 0.5, loopLagMs: 1 },
    metrics,
    ...more,
  };
}

test('a node has done what its workers did, those that are gone included', () => {
  const ledger = new Ledger(2);
  const [one, two] = [{}, {}];
  ledger.note(one, report(3));
  ledger.note(two, report(4));
  ledger.note(two, report(5));
  const { answers, sentBytes, failures, connections } = ledger.readings;
  assert.deepEqual([answers(), sentBytes(), failures(), connections()], [8, 80, 2, 10]);
  ledger.close(two);
  assert.deepEqual([answers(), sentBytes(), failures(), connections()], [8, 80, 2, 5]);
  ledger.note({}, report(1));
  assert.deepEqual([answers(), connections()], [9, 10]);
  assert.match(ledger.exposition('# HELP a Answers.\n# TYPE a counter\na 100\n'), /^a 109$/m);
  ledger.close({});
  assert.equal(answers(), 9);
});

test('a node is as busy as its workers on average, and as late as the latest', () => {
  const ledger = new Ledger(2);
  assert.deepEqual(ledger.readings.busy(), { cpu: 0, loopLagMs: 0 });
  ledger.note({}, report(0, { busy: { cpu: 1, loopLagMs: 40 } }));
  ledger.note({}, report(0, { busy: { cpu: 0.5, loopLagMs: 2 } }));
  assert.deepEqual(ledger.readings.busy(), { cpu: 0.75, loopLagMs: 40 });
  ledger.note({}, report(0, { busy: { cpu: 0.75, loopLagMs: 1 } }));
  assert.equal(ledger.readings.busy().cpu, 1, 'with one that is replaced and has not ended');
});

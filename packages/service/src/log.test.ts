import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from './clock.ts';
import { createLog } from './log.ts';

test('writes one JSON object a line and drops what is below its level', () => {
  const clock = new ManualClock(1_000);
  const lines: string[] = [];
  const log = createLog({
    service: 'edge',
    level: 'info',
    nowMs: () => clock.nowMs(),
    write: (line) => lines.push(line),
  });
  log('debug', 'unseen');
  clock.advance(500);
  log('warn', 'seen', { bytes: 3, path: 'a\nb' });
  assert.equal(clock.monotonicMs(), 500);
  assert.deepEqual(lines, [
    '{"at":"1970-01-01T00:00:01.500Z","level":"warn","service":"edge","event":"seen","bytes":3,"path":"a\\nb"}\n',
  ]);
});

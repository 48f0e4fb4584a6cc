import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@headwater/service/clock';
import { Terminal } from './terminal.ts';

function watchTerminal(): { terminal: Terminal; clock: ManualClock; lines: string[] } {
  const clock = new ManualClock(0);
  const lines: string[] = [];
  return { terminal: new Terminal(clock, (line) => lines.push(line)), clock, lines };
}

test('shows warnings and what is no log line, and keeps the rest for the file', () => {
  const { terminal, lines } = watchTerminal();
  terminal.serviceLine('geo', '{"at":"x","level":"info","service":"geo","event":"started"}');
  terminal.serviceLine('geo', '{"at":"x","level":"warn","service":"geo","event":"lost","reason":"gone"}');
  terminal.serviceLine('geo', '{"cut');
  terminal.serviceLine('geo', 'TypeError: x');
  terminal.serviceLine('geo', 'headwater: port 1 is taken');
  assert.deepEqual(lines, ['geo: lost reason=gone', 'geo: {"cut', 'geo: TypeError: x']);
});

test('what somebody else wrote moves no cursor and makes no line', () => {
  const { terminal, lines } = watchTerminal();
  const path = JSON.stringify('/v1/\u001b[1A\u001b[2K\nadmin token  forged\u202e');
  terminal.serviceLine('control-plane', `{"level":"warn","event":"bearer_refused","path":${path}}`);
  terminal.serviceLine('origin', 'x\u001b[2Jy');
  assert.deepEqual(lines, [
    'control-plane: bearer_refused path=/v1/\\u{1b}[1A\\u{1b}[2K\\u{a}admin token  forged\\u{202e}',
    'origin: x\\u{1b}[2Jy',
  ]);
});

test('twelve lines in ten seconds, then one that says there are more', () => {
  const { terminal, clock, lines } = watchTerminal();
  for (let n = 0; n < 20; n += 1) terminal.notice(`line ${n}`);
  assert.equal(lines.length, 13);
  assert.deepEqual(lines.slice(-2), ['line 11', '… more in the log files']);
  clock.advance(10_000);
  terminal.notice('later');
  assert.equal(lines.at(-1), 'later');
});

test('says nothing once hushed', () => {
  const { terminal, lines } = watchTerminal();
  terminal.hush();
  terminal.serviceLine('geo', 'Error: x');
  assert.deepEqual(lines, []);
});

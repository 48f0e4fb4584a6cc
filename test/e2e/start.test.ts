/** `npm start` as a person meets it: what it prints, what it says when something is wrong, and that it leaves nothing behind. */

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { suite, test } from 'node:test';
import { startCommand, type Command } from '../fleet/command.ts';
import { until } from '../fleet/until.ts';

const UP_DEADLINE_MS = 40_000;
const STOP_DEADLINE_MS = 10_000;

suite('npm start', () => {
  test('prints where everything is, plays, and Ctrl-C ends it all in 10 s with code 0', async (context) => {
    await using command = await startCommand();
    const startedMs = performance.now();
    await command.child.says(/Headwater is up/, UP_DEADLINE_MS);
    const watch = await command.child.says(/http:\/\/\S+\/watch\/demo\S*/, 1_000);
    context.diagnostic(`up in ${Math.round(performance.now() - startedMs)} ms`);
    const page = await fetch(watch[0]);
    assert.equal(page.status, 200);
    assert.match(page.headers.get('content-type') ?? '', /^text\/html/);
    assert.match(command.child.output, /rtmp:\/\/127\.0\.0\.1:\d+\/live\/demo\?key=\S+/);
    assert.match(command.child.output, new RegExp(`http://127\\.0\\.0\\.1:${command.ports.control}`));
    const names = command.members().map(({ name }) => name);
    for (const name of ['control-plane', 'geo', 'origin', 'edge-1', 'edge-2']) {
      assert.equal(names.filter((candidate) => candidate === name).length >= 1, true, `${name} in ${names.join(' ')}`);
    }
    assert.ok(names.includes('ffmpeg'), 'the test picture and the ladder');
    await interrupt(command, context.diagnostic.bind(context));
  });

  test('Ctrl-C while it starts ends it all as well', async (context) => {
    await using command = await startCommand();
    await until('the first service', UP_DEADLINE_MS, () => command.members().length > 0);
    await interrupt(command, context.diagnostic.bind(context));
  });

  test('the second start finds what the first one kept', async () => {
    await using first = await startCommand({ HEADWATER_DEMO: '0' });
    const [, adminToken] = await first.child.says(/admin token\s+(\S+)/, UP_DEADLINE_MS);
    await interrupt(first, () => {});
    await using second = await startCommand({ HEADWATER_DEMO: '0', HEADWATER_DATA_DIR: first.directory });
    const [, again] = await second.child.says(/admin token\s+(\S+)/, UP_DEADLINE_MS);
    assert.equal(again, adminToken);
    await interrupt(second, () => {});
  });

  test('a port that is taken: one line that names its variable', async () => {
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(0, resolve));
    const { port } = squatter.address() as { port: number };
    try {
      for (const variable of [
        'HEADWATER_CONTROL_PORT',
        'HEADWATER_GEO_PORT',
        'HEADWATER_RTMP_PORT',
        'HEADWATER_EDGE_PORT',
      ]) {
        await using command = await startCommand({ [variable]: String(port) });
        await failsWith(command, variable);
      }
    } finally {
      squatter.close();
    }
  });

  test('a bad variable: one line that names it', async () => {
    const bad = {
      HEADWATER_GEO_PORT: 'x',
      HEADWATER_DEMO: 'maybe',
      HEADWATER_LOG_LEVEL: 'loud',
      HEADWATER_PLACE: 'here',
    };
    for (const [variable, value] of Object.entries(bad)) {
      await using command = await startCommand({ [variable]: value });
      await failsWith(command, variable);
    }
  });

  test('no ffmpeg: one line that names it', async () => {
    await using command = await startCommand({ PATH: '/nonexistent' });
    await failsWith(command, 'ffmpeg');
  });
});

/** As Ctrl-C does: SIGINT to the whole group. */
async function interrupt(command: Command, tell: (text: string) => void): Promise<void> {
  const startedMs = performance.now();
  command.child.signalGroup('SIGINT');
  const exit = await command.child.exited;
  const tookMs = performance.now() - startedMs;
  tell(`ended in ${Math.round(tookMs)} ms`);
  assert.equal(exit.code, 0, `${JSON.stringify(exit)}: ${command.child.output.slice(-2_000)}`);
  assert.ok(tookMs <= STOP_DEADLINE_MS, `it took ${tookMs} ms to end`);
  assert.deepEqual(command.members(), [], 'processes were left behind');
}

async function failsWith(command: Command, name: string): Promise<void> {
  const exit = await command.child.exited;
  const { output } = command.child;
  assert.ok(exit.code !== 0 && exit.code !== null, `${name}: ended with ${JSON.stringify(exit)}: ${output}`);
  const lines = output.trim().split('\n');
  assert.equal(lines.length, 1, `one line, not:\n${output}`);
  assert.ok(lines[0]?.includes(name), `${name} is not named: ${output}`);
  assert.deepEqual(command.members(), [], 'processes were left behind');
}

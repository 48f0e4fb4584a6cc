import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, type Socket, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { systemClock } from '@headwater/service/clock';
import { LogFile } from './log-file.ts';
import { type StartFailure, Supervised } from './supervised.ts';

let directory = '';
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'headwater-cli-'));
});
after(() => rm(directory, { recursive: true }));

interface Watched {
  readonly member: Supervised;
  /** the next line that it writes */
  readonly line: () => Promise<string>;
  readonly restarted: Promise<string>;
  readonly failed: Promise<StartFailure>;
  readonly logPath: string;
}

async function watch(name: string, script: string, command = process.execPath): Promise<Watched> {
  const logPath = join(directory, `${name}.log`);
  const lines: string[] = [];
  let wake = (): void => {};
  const restarted = Promise.withResolvers<string>();
  const failed = Promise.withResolvers<StartFailure>();
  const member = new Supervised({
    plan: { name, command, args: ['-e', script], env: process.env },
    clock: systemClock,
    log: await LogFile.open(logPath),
    onLine: (line) => {
      lines.push(line);
      wake();
    },
    onRestart: (ended) => restarted.resolve(ended),
    onFailedStart: failed.resolve,
  });
  const line = async (): Promise<string> => {
    while (lines.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return lines.shift() ?? '';
  };
  return { member, line, restarted: restarted.promise, failed: failed.promise, logPath };
}

const STAYS = `console.log('up ' + process.pid); setInterval(() => {}, 1000);`;

test('a killed process is started again, and what it wrote stands in the log', async () => {
  const { member, line, restarted, logPath } = await watch('killed', STAYS);
  const first = await line();
  assert.equal(first, `up ${member.pid}`);
  process.kill(member.pid ?? 0, 'SIGKILL');
  assert.equal(await restarted, 'SIGKILL');
  const second = await line();
  assert.notEqual(second, first);
  await member.stop(5_000);
  assert.equal(await readFile(logPath, 'utf8'), `${first}\n${second}\n`);
});

test('a process that ends by itself at its first start is a failure, not a loop', async () => {
  const { member, failed } = await watch('failing', `console.error('headwater: X: is wrong'); process.exit(78)`);
  assert.deepEqual(await failed, { name: 'failing', code: 78, lines: ['headwater: X: is wrong'] });
  assert.equal(member.pid, undefined);
});

test('so is a command that is not there', async () => {
  const { failed } = await watch('absent', '', join(directory, 'nothing'));
  assert.equal((await failed).code, 127);
});

test('a process that does not stop when asked is killed at the deadline', async () => {
  const { member, line } = await watch('stubborn', `process.on('SIGTERM', () => {}); ${STAYS}`);
  const pid = Number((await line()).slice('up '.length));
  await member.stop(100);
  assert.throws(() => process.kill(pid, 0), /ESRCH/);
});

test('its supervisor killed, a process learns of it', async () => {
  await using server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const inner = `
    const socket = require('node:net').connect(${port}, '127.0.0.1', () => console.log('up'));
    process.once('disconnect', () => socket.end('alone', () => process.exit(0)));`;
  const outer = `
    import { Supervised } from ${JSON.stringify(new URL('./supervised.ts', import.meta.url).href)};
    const plan = { name: 'inner', command: process.execPath, args: ['-e', ${JSON.stringify(inner)}], env: process.env };
    new Supervised({ plan, clock: { monotonicMs: () => 0 }, log: { write: async () => {} }, onRestart() {},
      onLine: () => process.kill(process.pid, 'SIGKILL') });`;
  const connected = once(server, 'connection') as Promise<[Socket]>;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', outer], { stdio: 'ignore' });
  const [[socket]] = await Promise.all([connected, once(child, 'exit')]);
  assert.equal(await text(socket), 'alone');
});

test('what it wrote last without a newline is a line too, and a long line is cut', async () => {
  const { failed, line } = await watch('odd', `process.stdout.write('x'.repeat(20000) + '\\nend')`);
  await failed;
  assert.equal((await line()).length, 8_192);
  assert.equal(await line(), 'end');
});

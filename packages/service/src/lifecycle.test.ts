import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { text as readAll } from 'node:stream/consumers';

interface Outcome {
  readonly code: number | null;
  readonly stderr: string;
}

/** Runs a service made of one expression in a process of its own; ends it with a signal once it says that it is up. */
async function runService(start: string, end?: NodeJS.Signals | 'disconnect'): Promise<Outcome> {
  const here = (file: string) => JSON.stringify(new URL(file, import.meta.url).href);
  const script = `
    import { run } from ${here('./lifecycle.ts')};
    import { ConfigError } from ${here('./env.ts')};
    import { listen } from ${here('./listen.ts')};
    import { createServer } from 'node:net';
    void ConfigError; void listen; void createServer;
    process.exit(await run(async () => { ${start} }));`;
  const args = ['--input-type=module-typescript', '-e', script];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  assert.ok(child.stdout !== null && child.stderr !== null);
  const stderr = readAll(child.stderr);
  child.stdout.once('data', () => {
    if (end === 'disconnect') child.disconnect();
    else if (end !== undefined) child.kill(end);
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return { code, stderr: await stderr };
}

test('a signal disposes of the service and ends with 0', async () => {
  const outcome = await runService(
    `console.log('up'); const timer = setInterval(() => {}, 1000);
     return { [Symbol.asyncDispose]: async () => { clearInterval(timer); process.stderr.write('disposed'); } };`,
    'SIGTERM',
  );
  assert.deepEqual(outcome, { code: 0, stderr: 'disposed' });
});

test('the supervisor gone is a signal too', async () => {
  const outcome = await runService(
    `console.log('up'); return { [Symbol.asyncDispose]: async () => void process.stderr.write('disposed') };`,
    'disconnect',
  );
  assert.deepEqual(outcome, { code: 0, stderr: 'disposed' });
});

test('a bad variable is one line that names it, and code 78', async () => {
  const outcome = await runService(`throw new ConfigError('HEADWATER_X', 'wants more');`);
  assert.deepEqual(outcome, { code: 78, stderr: 'headwater: HEADWATER_X: wants more\n' });
});

test('a taken port is one line that names its variable, and code 1', async () => {
  await using taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, resolve));
  const { port } = taken.address() as AddressInfo;
  const outcome = await runService(
    `await listen(createServer(), { port: ${port}, variable: 'HEADWATER_Y_PORT' }); return { [Symbol.asyncDispose]: async () => {} };`,
  );
  assert.equal(outcome.code, 1);
  assert.equal(
    outcome.stderr,
    `headwater: port ${port} (HEADWATER_Y_PORT) is taken; set HEADWATER_Y_PORT to a free port\n`,
  );
});

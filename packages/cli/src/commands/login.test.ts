import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempDisposable } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Command } from 'commander';
import { readConfig } from '../config.ts';
import { connectOperator, openLoginFile } from '../operator-login.ts';
import { addLoginCommands } from './login.ts';

test('a log-out ends the session of who is logged in, whatever key the environment has', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-login-'));
  const asked: (string | undefined)[] = [];
  await using server = createServer(({ method, url, headers }, response) => {
    asked.push(`${method} ${url} ${headers.authorization}`);
    response.writeHead(204).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const config = readConfig({
    HEADWATER_CONTROL_URL: url,
    HEADWATER_LOGIN_FILE: join(directory.path, 'login.json'),
    HEADWATER_API_KEY: 'hwk_of-a-program',
  });
  const file = openLoginFile(config);
  const expiresAt = new Date(Date.now() + 600_000).toISOString();
  await file.locked(() => file.write(url, { name: 'anna', accessToken: 'hwa_anna', expiresAt, refreshToken: 'r' }));
  const program = new Command();
  addLoginCommands(
    program,
    () => config,
    () => connectOperator(config),
  );
  await program.parseAsync(['logout'], { from: 'user' });
  assert.deepEqual(asked, ['DELETE /v1/me/sessions/current Bearer hwa_anna']);
  assert.equal(await file.read(url), null);
  server.closeAllConnections();
});

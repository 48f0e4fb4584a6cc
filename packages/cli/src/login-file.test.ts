import assert from 'node:assert/strict';
import { mkdtempDisposable, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '@headwater/service/clock';
import { LoginFile } from './login-file.ts';

const URL = 'http://127.0.0.1:7000';
const LOGIN = { name: 'anna', accessToken: 'a', expiresAt: '2026-11-28T00:00:00.000Z', refreshToken: 'r' };

test('keeps a log-in for each control plane, for the owner alone, and forgets one', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-login-'));
  const path = join(directory.path, 'deep', 'login.json');
  const file = new LoginFile(path, systemClock);
  assert.equal(await file.read(URL), null);
  await file.locked(() => file.write(URL, LOGIN));
  await file.locked(() => file.write('http://other', { ...LOGIN, name: 'bert' }));
  assert.deepEqual(await file.read(URL), LOGIN);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  await file.locked(() => file.write(URL, null));
  assert.equal(await file.read(URL), null);
  assert.equal((await file.read('http://other'))?.name, 'bert');
  await writeFile(path, '{');
  await assert.rejects(file.read(URL), { name: 'CommandError', message: /damaged; delete it/ });
});

test('one command at a time has it; a lock that was left behind is no obstacle', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-login-'));
  const path = join(directory.path, 'login.json');
  const file = new LoginFile(path, systemClock);
  let [running, most] = [0, 0];
  const work = async (): Promise<void> => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
  };
  await Promise.all([1, 2, 3].map(() => file.locked(work)));
  assert.equal(most, 1);
  await assert.rejects(file.locked(() => Promise.reject(new Error('no'))));
  await file.locked(work);
  await writeFile(`${path}.lock`, '');
  const longAgo = new Date(Date.now() - 60_000);
  await utimes(`${path}.lock`, longAgo, longAgo);
  await file.locked(work);
});

/** A person at a terminal: the first account, log-in, second factor, keys and the audit log, by the `headwater` command. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempDisposable, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { codeAt } from '@headwater/control-plane/src/people/test-people.ts';
import { ADMIN } from '@headwater/control-plane/src/test-plane.ts';
import { startPlaneProcess } from '@headwater/control-plane/src/test-process.ts';
import { childEnvironment } from '../fleet/config.ts';
import { ROOT } from '../fleet/fleet.ts';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** What is typed: a line each, or, once the command has said something, what follows from that. */
type Typed = readonly (string | ((said: string) => string | null))[];

type Variables = Readonly<Record<string, string>>;

interface Machine {
  readonly loginFile: string;
  /** `headwater …` */
  readonly run: (args: readonly string[], typed?: Typed, variables?: Variables) => Promise<Ran>;
  /** The same, and it has to be good. */
  readonly out: (args: readonly string[], typed?: Typed, variables?: Variables) => Promise<string>;
}

function machineAt(controlUrl: string, directory: string): Machine {
  const loginFile = join(directory, 'config', 'login.json');
  async function run(args: readonly string[], typed: Typed = [], variables = {}): Promise<Ran> {
    const env = childEnvironment({
      HEADWATER_CONTROL_URL: controlUrl,
      HEADWATER_DATA_DIR: join(directory, 'none'),
      HEADWATER_LOGIN_FILE: loginFile,
      ...variables,
    });
    const flags = ['--disable-warning=ExperimentalWarning', join(ROOT, 'packages/cli/src/main.ts')];
    const child = spawn(process.execPath, [...flags, ...args], { env, stdio: 'pipe' });
    let [out, err] = ['', ''];
    const left = [...typed];
    const type = (): void => {
      for (let next = left[0]; next !== undefined; next = left[0]) {
        const line = typeof next === 'string' ? next : next(out + err);
        if (line === null) return;
        left.shift();
        child.stdin.write(`${line}\n`);
      }
      child.stdin.end();
    };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      type();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
      type();
    });
    child.stdin.on('error', () => undefined);
    type();
    const [code] = (await once(child, 'close')) as [number];
    return { code, out: out.trim(), err: err.trim() };
  }
  return {
    loginFile,
    run,
    async out(...asked) {
      const { code, out, err } = await run(...asked);
      assert.equal(code, 0, `${asked[0].join(' ')}: ${err}`);
      return out;
    },
  };
}

function secretIn(said: string): string | null {
  return /^secret: ([A-Z2-7]{32})$/m.exec(said)?.[1] ?? null;
}

test('from the admin token to a person with a second factor, keys of programs, and what is told of it', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-people-cli-'));
  await using plane = await startPlaneProcess({ HEADWATER_DATA_DIR: join(directory.path, 'plane') });
  const { run, out, loginFile } = machineAt(plane.url, directory.path);
  const root = { HEADWATER_ADMIN_TOKEN: ADMIN };
  const own = 'a password of my own';

  const given = await out(['users', 'create', 'anna', '--role', 'admin'], [], root);
  assert.match(given, /^[A-Za-z0-9_-]{20}$/);
  const wrong = await run(['login', 'anna'], ['guess']);
  assert.deepEqual([wrong.code, wrong.out], [77, '']);
  assert.match(wrong.err, /\(login_refused\)$/);
  assert.match(await out(['login', 'anna'], [given]), /choose a password of your own first/);
  assert.match((await run(['streams'])).err, /\(password_change_required\)$/);
  await out(['account', 'password'], [given, own]);
  assert.deepEqual(await run(['streams']), {
    code: 77,
    out: '',
    err: 'headwater: the session has ended: headwater login NAME',
  });
  assert.equal(await out(['login', 'anna'], [own]), 'logged in as anna (admin)');
  assert.equal((await stat(loginFile)).mode & 0o777, 0o600);
  assert.ok(!(await readFile(loginFile, 'utf8')).includes(own));

  await out(['streams', 'create', 'show']);
  const early = await run(['streams', 'delete', 'show']);
  assert.deepEqual([early.code, /\((\w+)\)$/.exec(early.err)?.[1]], [1, 'step_up_required']);
  let secret = '';
  const app = (said: string): string | null => {
    secret = secretIn(said) ?? '';
    return secret === '' ? null : codeAt(secret, Date.now());
  };
  const enrolled = await out(['account', 'second-factor'], [own, app]);
  const recovery = enrolled.match(/^[a-z2-7]{4}(?:-[a-z2-7]{4}){3}$/gm) ?? [];
  assert.equal(recovery.length, 10);

  const key = await out(['keys', 'create', 'ci', '--role', 'publisher', '--streams', 'show,sports-*', '--ttl', '1h']);
  const program = { HEADWATER_API_KEY: key };
  const seen = JSON.parse(await out(['streams', '--json'], [], program)) as { stream: string }[];
  assert.deepEqual(
    seen.map(({ stream }) => stream),
    ['show'],
  );
  assert.match((await run(['streams', 'delete', 'show'], [], program)).err, /\(forbidden\)$/);
  assert.match((await run(['users'], [], program)).err, /\(forbidden\)$/);
  const [listed] = JSON.parse(await out(['keys', '--json'])) as { id: string; createdBy: string; usedAt: string }[];
  assert.deepEqual([listed?.createdBy, listed?.usedAt !== null], ['anna', true]);
  await out(['keys', 'delete', listed?.id ?? '']);
  assert.match((await run(['streams'], [], program)).err, /\(api_key_unknown\)$/);

  await out(
    ['users', 'create', 'bert', '--role', 'viewer-issuer', '--streams', 'show', '--ask-password'],
    ['given to bert'],
  );
  await out(['users', 'change', 'bert', '--role', 'operator', '--streams', 'all', '--disable']);
  assert.match(await out(['users']), /^bert +operator +all +disabled +no +never$/m);
  await out(['streams', 'delete', 'show']);

  await out(['logout']);
  assert.equal((await run(['account'])).code, 77);
  assert.match((await run(['login', 'anna', '--code', '000000'], [own])).err, /\(second_factor_wrong\)$/);
  await out(['login', 'anna'], [own, recovery[0] ?? '']);
  assert.match((await run(['login', 'anna'], [own, recovery[0] ?? ''])).err, /\(second_factor_wrong\)$/);
  const { until } = JSON.parse(await out(['step-up', codeAt(secret, Date.now() + 30_000), '--json'])) as {
    until: string;
  };
  assert.ok(Date.parse(until) > Date.now());

  const told = JSON.parse(await out(['audit', '--limit', '200', '--json'])) as {
    who: { name: string };
    action: string;
    outcome: string;
  }[];
  const deeds = told.map(({ who, action, outcome }) => `${who.name}: ${action} ${outcome}`);
  for (const deed of [
    'root: POST /v1/users done',
    'anna: login login_refused',
    'anna: login done',
    'anna: DELETE /v1/streams/{stream} step_up_required',
    'anna: POST /v1/me/second-factor/confirm done',
    'ci: DELETE /v1/streams/{stream} forbidden',
    'anna: DELETE /v1/streams/{stream} done',
    'anna: DELETE /v1/me/sessions/{id} done',
    'anna: POST /v1/me/step-up done',
  ])
    assert.ok(deeds.includes(deed), `${deed}\n${deeds.join('\n')}`);
  assert.match(await out(['audit', 'verify']), /^\d+ entries are whole/);
});

test('commands at once renew a session together; one that was stolen ends for both', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-people-cli-'));
  await using plane = await startPlaneProcess({ HEADWATER_DATA_DIR: join(directory.path, 'plane') });
  const { run, out, loginFile } = machineAt(plane.url, directory.path);
  const password = 'given by the admin';
  await plane.call('POST', '/v1/users', { body: { name: 'anna', role: 'operator', password } });
  await out(['login', 'anna'], [password]);
  const age = async (): Promise<string> => {
    const kept = (await readFile(loginFile, 'utf8')).replace(
      /"expiresAt": "[^"]*"/,
      `"expiresAt": "${new Date(Date.now()).toISOString()}"`,
    );
    await writeFile(loginFile, kept);
    return kept;
  };
  const stolen = await age();
  const names = await Promise.all(
    [1, 2, 3].map(async () => (JSON.parse(await out(['account', '--json'])) as { name: string }).name),
  );
  assert.deepEqual(names, ['anna', 'anna', 'anna']);
  assert.notEqual(await readFile(loginFile, 'utf8'), stolen);
  const renewed = await readFile(loginFile, 'utf8');
  await writeFile(loginFile, stolen);
  assert.equal((await run(['account'])).code, 77);
  await writeFile(loginFile, renewed);
  assert.match((await run(['account'])).err, /the session has ended/);
});

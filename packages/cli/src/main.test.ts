import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { planFleet } from './fleet-plan.ts';
import { keepSecret, readSecret } from './kept-file.ts';
import { readConfig } from './config.ts';

const MAIN = join(import.meta.dirname, 'main.ts');

function headwater(
  args: string[],
  env: Record<string, string> = {},
): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  return { code: status, out: stdout, err: stderr };
}

test('tells what it can do, and what it cannot', () => {
  const { code, out } = headwater(['--help']);
  assert.equal(code, 0);
  for (const command of [
    'up',
    'login',
    'users',
    'keys',
    'audit',
    'edge',
    'origin',
    'token',
    'nodes',
    'streams',
    'purge',
    'config',
    'explain',
    'top',
    'completion',
  ]) {
    assert.match(out, new RegExp(`^  ${command}\\b`, 'm'));
  }
  assert.equal(headwater([]).out, out);
  const unknown = headwater(['fly']);
  assert.deepEqual([unknown.code, unknown.out], [64, '']);
  assert.match(unknown.err, /^headwater: unknown command 'fly'/);
  assert.equal(headwater(['token', 'create', '--ttl', 'soon']).code, 64);
  // As of a variable that is not set: it must not go to version 0, which is the defaults.
  for (const version of ['', 'x', '1.5'])
    assert.equal(headwater(['config', 'rollback', `--to=${version}`]).code, 64, `--to=${version}`);
});

test('without a control plane, or without its token, there is one line that says so', () => {
  const env = { HEADWATER_CONTROL_URL: 'http://127.0.0.1:9', HEADWATER_ADMIN_TOKEN: 'x' };
  const away = headwater(['nodes'], env);
  assert.equal(away.code, 69);
  assert.match(away.err, /^headwater: the control plane at http:\/\/127\.0\.0\.1:9 does not answer: .*\n$/);
  const lost = headwater(['nodes'], {
    HEADWATER_DATA_DIR: '/nonexistent',
    HEADWATER_LOGIN_FILE: '/nonexistent',
    HEADWATER_ADMIN_TOKEN: '',
  });
  const advice = 'log in (headwater login NAME), or set HEADWATER_API_KEY or HEADWATER_ADMIN_TOKEN';
  assert.deepEqual([lost.code, lost.err], [77, `headwater: ${advice}\n`]);
});

test('a data directory that cannot be is one line too', () => {
  const join = ['edge', 'join', 'http://127.0.0.1:9', '--token', 'x', '--public-host', '127.0.0.1'];
  const { code, err } = headwater(join, { HEADWATER_DATA_DIR: '/dev/null/data' });
  assert.deepEqual([code, err], [1, "headwater: ENOTDIR: not a directory, mkdir '/dev/null/data'\n"]);
});

test('a node is not called as what is kept of it, which would overwrite its key', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'headwater-id-'));
  try {
    const args = ['edge', 'join', 'http://127.0.0.1:9', '--token', 'x', '--public-host', '127.0.0.1', '--id', 'edge'];
    const { code, err } = headwater(args, { HEADWATER_DATA_DIR: directory });
    assert.equal(code, 64);
    assert.match(err, /^headwater: .* cannot be called edge, .*--id\n$/);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('completions know every command and its options', () => {
  const { out } = headwater(['completion']);
  assert.match(out, /^    nodes\) words="list drain undrain remove .*--wait.*--help" ;;$/m);
  assert.match(out, /^    token\|tokens\) words="create list delete viewer /m);
  assert.match(out, /^complete -F _headwater headwater$/m);
  assert.equal(spawnSync('bash', ['-n'], { input: out }).status, 0);
});

test('a bad variable is one line that names it', () => {
  const { code, out, err } = headwater(['up'], { HEADWATER_GEO_PORT: 'x' });
  assert.deepEqual([code, out], [78, '']);
  assert.equal(err, 'headwater: HEADWATER_GEO_PORT: wants a whole number from 0 to 65535, got "x"\n');
});

test('a missing ffmpeg is one line that names it', () => {
  const { code, err } = headwater(['up'], { PATH: '/nonexistent' });
  assert.equal(code, 1);
  assert.equal(err, 'headwater: ffmpeg is missing; install ffmpeg with the package manager of your system\n');
});

/** Holds a port, so that nobody else has it. */
async function take(port = 0): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, resolve));
  const { port: taken } = server.address() as AddressInfo;
  return { port: taken, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** A port that is free together with the one after it. */
async function freePair(): Promise<number> {
  for (;;) {
    await using first = await take();
    const second = await take(first.port + 1).catch(() => null);
    if (second === null) continue;
    await second[Symbol.asyncDispose]();
    return first.port;
  }
}

async function freePorts(): Promise<Record<string, string>> {
  const singles = ['CONTROL', 'GEO', 'ORIGIN', 'RTMP', 'RTMPS'];
  const entries = await Promise.all(singles.map(async (name) => [name, await freePair()] as const));
  entries.push(['EDGE', await freePair()], ['EDGE_ADMIN', await freePair()]);
  return Object.fromEntries(entries.map(([name, port]) => [`HEADWATER_${name}_PORT`, String(port)]));
}

test('a taken port is one line that names its variable, before anything is started', async () => {
  await using taken = await take();
  const { code, out, err } = headwater(['up'], { HEADWATER_CONTROL_PORT: String(taken.port) });
  const variable = 'HEADWATER_CONTROL_PORT';
  assert.deepEqual([code, out], [1, '']);
  assert.equal(err, `headwater: port ${taken.port} (${variable}) is taken; set ${variable} to a free port\n`);
});

test('a variable that only a service reads ends everything with its one line', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'headwater-up-'));
  const env = { ...(await freePorts()), HEADWATER_DATA_DIR: directory, HEADWATER_MAX_NODES: 'many' };
  const { code, out, err } = headwater(['up'], env);
  assert.equal(out, '');
  assert.match(err, /^headwater: HEADWATER_MAX_NODES: wants .*\n$/);
  assert.equal(code, 78);
  await rm(directory, { recursive: true });
});

test('lays two edges out on neighbouring ports, with names of their own', () => {
  const plans = planFleet(readConfig({ HEADWATER_EDGE_PORT: '9000' }), 'secret');
  assert.deepEqual(
    plans.map(({ name, readyUrl }) => [name, readyUrl]),
    [
      ['control-plane', 'http://127.0.0.1:7000/readyz'],
      ['geo', 'http://127.0.0.1:7100/readyz'],
      ['origin', 'http://127.0.0.1:7200/readyz'],
      ['edge-1', 'http://127.0.0.1:9000/readyz'],
      ['edge-2', 'http://127.0.0.1:9001/readyz'],
    ],
  );
  const [first, second] = plans.slice(3).map(({ env }) => env);
  assert.equal(first?.['HEADWATER_EDGE_ADMIN_PORT'], '10000');
  assert.equal(second?.['HEADWATER_EDGE_ADMIN_PORT'], '10001');
  assert.equal(second?.['HEADWATER_NODE_ID'], 'edge-2');
});

test('a secret is made once, for the owner alone', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'headwater-secret-'));
  const path = join(directory, 'data', 'join-token');
  assert.equal(await readSecret(path), null);
  const [one, two] = await Promise.all([keepSecret(path), keepSecret(path)]);
  assert.equal(one, two);
  assert.equal(await readSecret(path), one);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  await rm(directory, { recursive: true });
});

// What `npm start`, `npm run edge` and `npm test` run first, on any Node from 20 on and with nothing installed: it installs
// what is missing, then hands over to the pinned Node. Plain JavaScript without dependencies, and the only such file.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LEAST_NODE = 20;
const PINNED_NODE = 24;
/** @type {NodeJS.Signals[]} */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
/** Programs that the tests drive and that no package of this system has. */
const TOOLS = join(ROOT, 'node_modules/.cache/headwater/bin');
const PINNED = join(ROOT, 'node_modules/.bin', process.platform === 'win32' ? 'node.cmd' : 'node');

/**
 * What each system's package manager is called with, and the names it has for what we need.
 * @type {{ name: string, install: string[], refresh?: string[], chromium: string, redis: string, asUser?: boolean }[]}
 */
const MANAGERS = [
  {
    name: 'apt-get',
    install: ['install', '-y', '--no-install-recommends'],
    refresh: ['update'],
    chromium: 'chromium',
    redis: 'redis-server',
  },
  { name: 'dnf', install: ['install', '-y'], chromium: 'chromium', redis: 'redis' },
  { name: 'apk', install: ['add'], chromium: 'chromium', redis: 'redis' },
  { name: 'brew', install: ['install'], chromium: 'chromium', redis: 'redis', asUser: true },
];

// The checks of `npm test`, cheapest first. Those marked count their tests.
const CHECKS = [
  { script: 'format:check' },
  { script: 'lint' },
  { script: 'typecheck' },
  { script: 'dead' },
  { script: 'test:unit', counts: true },
  { script: 'test:parts', counts: true },
  { script: 'test:fuzz', counts: true },
  { script: 'test:simulate', counts: true },
  { script: 'test:fleet', counts: true },
];

/**
 * Ends with one line that says what to do.
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(`headwater: ${message}`);
  process.exit(1);
}

/** @param {string} version */
function majorOf(version) {
  return Number(version.replace(/^v/, '').split('.')[0]);
}

/** @param {string} program */
function has(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, program)));
}

/**
 * Runs to the end with the terminal as its own; true when it succeeded.
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnSyncOptions} [options]
 */
function run(command, args, options = {}) {
  return spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', ...options }).status === 0;
}

/**
 * @param {string} path of a lock file
 * @returns {Record<string, { version?: string, integrity?: string, optional?: boolean, peer?: boolean }>}
 */
function readPackages(path) {
  const lock = /** @type {{ packages: ReturnType<typeof readPackages> }} */ (JSON.parse(readFileSync(path, 'utf8')));
  return lock.packages;
}

/**
 * Whether node_modules holds what package-lock.json asks for. npm writes down what it installed, as its last step, in
 * node_modules/.package-lock.json; packages for other systems are optional and may be absent from it.
 */
function isInstalled() {
  const record = join(ROOT, 'node_modules/.package-lock.json');
  if (!existsSync(record)) return false;
  const installed = readPackages(record);
  const wanted = readPackages(join(ROOT, 'package-lock.json'));
  return Object.entries(wanted).every(([path, asked]) => {
    const there = installed[path];
    if (!path.includes('node_modules/')) return true;
    if (there === undefined) return asked.optional === true || asked.peer === true;
    return there.version === asked.version && there.integrity === asked.integrity;
  });
}

function installDependencies() {
  if (isInstalled()) return;
  console.log('Installing dependencies …');
  if (!run('npm', ['ci', '--no-audit', '--no-fund'])) fail('npm ci failed; see its message above');
}

function pinnedMajor() {
  const { status, stdout } = spawnSync(PINNED, ['--version'], { encoding: 'utf8' });
  return status === 0 ? majorOf(stdout.trim()) : 0;
}

/** The Node that everything runs on. */
function findNode() {
  if (pinnedMajor() === PINNED_NODE) return PINNED;
  // Its install script did not run, which npm can be configured to leave out.
  run('npm', ['rebuild', 'node', '--ignore-scripts=false']);
  if (pinnedMajor() === PINNED_NODE) return PINNED;
  if (majorOf(process.version) >= PINNED_NODE) return process.execPath;
  return fail(
    `Node ${PINNED_NODE} could not be installed for this project; install Node ${PINNED_NODE} and start again`,
  );
}

/**
 * Installs a program by the system's package manager, or says what to do.
 * @param {string} program
 * @param {() => boolean} isThere
 * @param {(manager: (typeof MANAGERS)[number]) => string} packageName
 */
function requireProgram(program, isThere, packageName) {
  if (isThere()) return;
  const manager = MANAGERS.find(({ name }) => has(name));
  if (manager === undefined)
    fail(`${program} is missing, and no package manager is known here; install it and start again`);
  const { name, install, refresh, asUser } = manager;
  const root = process.getuid?.() === 0;
  const [command, ...before] = root || asUser ? [name] : ['sudo', '-n', name];
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const wanted = packageName(manager);
  console.log(`Installing ${wanted} with ${name} …`);
  if (refresh !== undefined) run(command, [...before, ...refresh], options);
  if (!run(command, [...before, ...install, wanted], options) || !isThere()) {
    const line = [...(root || asUser ? [] : ['sudo']), name, ...install, wanted].join(' ');
    fail(`${program} is missing and could not be installed from here; run: ${line}`);
  }
}

/**
 * Consul for the tests, where none is: Debian has it in a former release, and brew and apk in the present one. From Debian the
 * program alone is taken, into a folder of ours.
 */
function requireConsul() {
  if (has('consul') || existsSync(join(TOOLS, 'consul'))) return;
  if (has('apt-get')) {
    const script = join(ROOT, 'deploy/bootstrap/consul-from-debian.sh');
    console.log('Fetching consul from Debian …');
    if (run('bash', [script, TOOLS])) return;
  }
  requireProgram(
    'consul',
    () => has('consul'),
    () => 'consul',
  );
}

/**
 * Runs to the end with signals handed on; resolves to the exit code. With `onText` its output is read on the way.
 * @param {string} command
 * @param {string[]} args
 * @param {(text: string) => void} [onText]
 * @returns {Promise<number>}
 */
function hold(command, args, onText) {
  return new Promise((resolve) => {
    const output = onText === undefined ? 'inherit' : 'pipe';
    // The channel tells the command when this process is killed.
    const child = spawn(command, args, { cwd: ROOT, stdio: ['inherit', output, 'inherit', 'ipc'] });
    child.stdout?.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
      process.stdout.write(text);
      onText?.(text);
    });
    for (const signal of SIGNALS) process.on(signal, () => child.kill(signal));
    child.once('error', (error) => fail(`${command} did not start: ${error.message}`));
    child.once('exit', (code, signal) => {
      for (const name of SIGNALS) process.removeAllListeners(name);
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}

/** Runs every check, though one fails; ends with the number of tests over all. */
async function test() {
  let [passed, failed] = [0, 0];
  /** @type {string[]} */
  const broken = [];
  for (const { script, counts } of CHECKS) {
    console.log(`\n> npm run ${script}`);
    let text = '';
    const code = await hold(
      'npm',
      ['run', '--silent', script],
      counts ? (more) => (text = (text + more).slice(-20_000)) : undefined,
    );
    if (code !== 0) broken.push(script);
    // The test runner's summary; its colours are off, for it writes into a pipe.
    for (const [, what, count] of text.matchAll(/^(?:ℹ|#) (pass|fail|cancelled) (\d+)$/gm)) {
      if (what === 'pass') passed += Number(count);
      else failed += Number(count);
    }
  }
  console.log(broken.length === 0 ? '\nAll checks passed.' : `\nFailed: ${broken.join(', ')}.`);
  console.log(`${passed} passed, ${failed} failed`);
  return broken.length === 0 && failed === 0 ? 0 : 1;
}

if (majorOf(process.version) < LEAST_NODE) fail(`needs Node ${LEAST_NODE} or newer; this is ${process.version}`);
const [mode] = process.argv.slice(2);
if (mode !== 'start' && mode !== 'edge' && mode !== 'test') fail('bootstrap.mjs wants start, edge or test');
installDependencies();
const node = findNode();
if (mode !== 'edge')
  requireProgram(
    'ffmpeg',
    () => has('ffmpeg'),
    () => 'ffmpeg',
  );
if (mode === 'test') {
  requireProgram(
    'Chromium',
    () => has('chromium') || has('chromium-browser'),
    ({ chromium }) => chromium,
  );
  requireProgram(
    'redis-server',
    () => has('redis-server'),
    ({ redis }) => redis,
  );
  requireConsul();
  // Only root can partition a network, and only Linux's; the test that does says so where it cannot.
  if (process.platform === 'linux' && process.getuid?.() === 0) {
    requireProgram(
      'ip',
      () => has('ip'),
      () => 'iproute2',
    );
  }
  process.env.PATH = `${process.env.PATH}${delimiter}${TOOLS}`;
  process.exit(await test());
}
const command = mode === 'start' ? 'up' : 'edge';
process.exit(await hold(node, [join(ROOT, 'packages/cli/src/main.ts'), command]));

/** `headwater up`: the life of the whole fleet on one machine, from the first check to the last process's end. */

import { spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, systemClock } from '@headwater/service/clock';
import { CommandError } from './command-error.ts';
import type { CliConfig } from './config.ts';
import { ControlApi } from './control-api.ts';
import { DEMO_LADDER, DEMO_STREAM, demoPublisher } from './demo.ts';
import { type ServicePlan, planFleet } from './fleet-plan.ts';
import { keepSecret } from './kept-file.ts';
import { LogFile } from './log-file.ts';
import { OWN_LINE, type ProcessPlan, type StartFailure, Supervised, type SupervisedOptions } from './supervised.ts';
import { requirePorts } from './ports.ts';
import { Terminal } from './terminal.ts';
import { formatWelcome } from './welcome.ts';

const READY_DEADLINE_MS = 30_000;
const ON_AIR_DEADLINE_MS = 20_000;
const POLL_MS = 100;
/** A service stops within 8 s or gives up; with a second for the rest all is over in 10. */
const STOP_DEADLINE_MS = 9_000;
const TOKEN_SECONDS = 24 * 60 * 60;

interface Fleet {
  readonly config: CliConfig;
  readonly clock: Clock;
  readonly terminal: Terminal;
  readonly members: Supervised[];
  readonly logs: LogFile[];
  /** falls when everything has to end; its reason is the failure, where there is one */
  readonly ending: AbortController;
}

/**
 * Starts everything, says where it is, and returns once `stopped` has fallen and every process is gone.
 * @throws CommandError when a service cannot start
 */
export async function up(config: CliConfig, stopped: AbortSignal, say: (line: string) => void): Promise<void> {
  const clock = systemClock;
  const ending = new AbortController();
  const fleet: Fleet = { config, clock, terminal: new Terminal(clock, say), members: [], logs: [], ending };
  requireFfmpeg(config.ffmpeg);
  await requirePorts(config);
  await mkdir(join(config.dataDir, 'logs'), { recursive: true, mode: 0o700 });
  const end = new Promise<void>((resolve) => ending.signal.addEventListener('abort', () => resolve()));
  stopped.addEventListener('abort', () => ending.abort());
  if (stopped.aborted) ending.abort();
  bringUp(fleet, say).catch((error: unknown) => ending.abort(error));
  await end;
  fleet.terminal.hush();
  await Promise.all(fleet.members.map((member) => member.stop(STOP_DEADLINE_MS)));
  await Promise.all(fleet.logs.map((log) => log[Symbol.asyncDispose]()));
  if (!stopped.aborted) throw ending.signal.reason;
}

async function bringUp(fleet: Fleet, say: (line: string) => void): Promise<void> {
  const { config } = fleet;
  const joinToken = config.joinToken ?? (await keepSecret(join(config.dataDir, 'join-token')));
  const [controlPlane, ...nodes] = planFleet(config, joinToken);
  if (controlPlane === undefined) return;
  await startService(fleet, controlPlane);
  await Promise.all(nodes.map((plan) => startService(fleet, plan)));
  const adminToken = config.adminToken ?? (await keepSecret(join(config.dataDir, 'admin-token')));
  const controlUrl = `http://127.0.0.1:${config.controlPort}`;
  const api = new ControlApi(controlUrl, adminToken);
  await poll('every node to join', READY_DEADLINE_MS, async () => {
    const healthy = new Set((await api.nodes()).filter((node) => node.healthy).map((node) => node.id));
    return nodes.every((plan) => healthy.has(plan.env['HEADWATER_NODE_ID'] ?? ''));
  });
  const { publishUrl } = await api.ensureStream(DEMO_STREAM, DEMO_LADDER);
  if (config.demo) {
    const publisher = demoPublisher(publishUrl, config.ffmpeg, config.environment);
    // What ffmpeg complains of when an origin goes away is for its log file alone.
    await startProcess(fleet, publisher, { onLine: () => {} });
  }
  const { urls } = await api.mintToken(DEMO_STREAM, TOKEN_SECONDS);
  const onAir = config.demo && (await comesOnAir(urls.hls));
  const { demo, dataDir } = config;
  say(formatWelcome({ watchUrl: urls.watch, publishUrl, controlUrl, adminToken, dataDir, demo, onAir }));
}

/** Starts a service and waits until it is ready. */
async function startService(fleet: Fleet, plan: ServicePlan): Promise<void> {
  await startProcess(fleet, plan, {
    onLine: (line) => fleet.terminal.serviceLine(plan.name, line),
    onFailedStart: (failure) => fleet.ending.abort(startError(failure, fleet.config.dataDir)),
  });
  await poll(`${plan.name} to be ready`, READY_DEADLINE_MS, async () => {
    const answer = await fetch(plan.readyUrl, { signal: AbortSignal.timeout(1_000) });
    await answer.arrayBuffer();
    return answer.ok;
  });
}

type Hooks = Pick<SupervisedOptions, 'onLine' | 'onFailedStart'>;

async function startProcess(fleet: Fleet, plan: ProcessPlan, hooks: Hooks): Promise<void> {
  const { clock, terminal, config, members, logs, ending } = fleet;
  const { name } = plan;
  const log = await LogFile.open(join(config.dataDir, 'logs', `${name}.log`), {
    onLoss: (reason) => terminal.notice(`the log of ${name} cannot be written, so its lines are lost: ${reason}`),
  });
  logs.push(log);
  // What is started from here on would not be ended any more.
  ending.signal.throwIfAborted();
  const onRestart = (ended: string, afterMs: number): void =>
    terminal.notice(`${name} ended (${ended}); again in ${Math.round(afterMs)} ms`);
  members.push(new Supervised({ plan, clock, log, onRestart, ...hooks }));
}

/** The service's own one line, where it wrote one; it names the variable or the port. */
function startError({ name, code, lines }: StartFailure, dataDir: string): CommandError {
  const line = lines.findLast((candidate) => candidate.startsWith(OWN_LINE));
  if (line !== undefined) return new CommandError(line.slice(OWN_LINE.length), code);
  return new CommandError(`${name} ended with code ${code} at its start; see ${dataDir}/logs/${name}.log`, code || 1);
}

/** Whether the picture plays for a viewer, in time. */
async function comesOnAir(url: string): Promise<boolean> {
  try {
    await poll('the picture to be on air', ON_AIR_DEADLINE_MS, async () => {
      const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) });
      return answer.ok && (await answer.text()).includes('#EXT-X-STREAM-INF');
    });
    return true;
  } catch (error) {
    if (error instanceof CommandError) return false;
    throw error;
  }
}

/** Tries until it is true; a try that throws counts as false. */
async function poll(what: string, deadlineMs: number, isThere: () => Promise<boolean>): Promise<void> {
  const endMs = systemClock.monotonicMs() + deadlineMs;
  let last = '';
  while (systemClock.monotonicMs() < endMs) {
    const there = await isThere().catch((error: unknown) => {
      last = error instanceof Error ? `: ${error.message}` : '';
      return false;
    });
    if (there) return;
    await sleep(POLL_MS);
  }
  throw new CommandError(`waited ${deadlineMs / 1000} s in vain for ${what}${last}`);
}

function requireFfmpeg(command: string): void {
  const { error } = spawnSync(command, ['-version'], { stdio: 'ignore' });
  if (error !== undefined) {
    throw new CommandError(`${command} is missing; install ffmpeg with the package manager of your system`);
  }
}

/** The `headwater` command as a person starts it, and the processes that it keeps. */

import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child } from './child.ts';
import { childEnvironment } from './config.ts';
import { ROOT } from './fleet.ts';
import { reservePorts } from './ports.ts';

/** A process below the command. */
interface Member {
  /** a service's node name, or the program */
  readonly name: string;
  readonly pid: number;
  readonly parentPid: number;
}

/** Where a command's services listen. */
interface CommandPorts {
  readonly control: number;
  readonly geo: number;
  readonly origin: number;
  readonly rtmp: number;
  readonly rtmps: number;
  /** the second edge has the next one */
  readonly edge: number;
}

/** `headwater up`, running or ended. Disposing ends it and removes its data. */
export interface Command extends AsyncDisposable {
  readonly child: Child;
  readonly ports: CommandPorts;
  readonly directory: string;
  /** every process below it, also of earlier moments, by pid */
  members(): readonly Member[];
}

/** Starts `headwater up` on free ports; `variables` come on top. */
export async function startCommand(variables: Readonly<Record<string, string>> = {}): Promise<Command> {
  const directory = await mkdtemp(join(tmpdir(), 'headwater-up-'));
  const ports = await choosePorts();
  const env = childEnvironment({
    HEADWATER_CONTROL_PORT: String(ports.control),
    HEADWATER_GEO_PORT: String(ports.geo),
    HEADWATER_ORIGIN_PORT: String(ports.origin),
    HEADWATER_RTMP_PORT: String(ports.rtmp),
    HEADWATER_RTMPS_PORT: String(ports.rtmps),
    HEADWATER_EDGE_PORT: String(ports.edge),
    HEADWATER_DATA_DIR: directory,
    ...variables,
  });
  const args = ['--disable-warning=ExperimentalWarning', join(ROOT, 'packages/cli/src/main.ts'), 'up'];
  // A group of its own, as a terminal makes one: Ctrl-C reaches the command and all it started.
  const child = new Child({ name: 'headwater up', command: process.execPath, args, env, group: true });
  return {
    child,
    ports,
    directory,
    members: () => membersOf(child.pid),
    async [Symbol.asyncDispose]() {
      await child[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function choosePorts(): Promise<CommandPorts> {
  for (;;) {
    const [control = 0, geo = 0, origin = 0, rtmp = 0, rtmps = 0, edge = 0] = await reservePorts(6);
    const ports = { control, geo, origin, rtmp, rtmps, edge };
    // The edges take four ports: two for viewers, and their health and metrics 1000 above.
    const taken = [control, geo, origin, rtmp, rtmps];
    if (![edge + 1, edge + 1_000, edge + 1_001].some((port) => taken.includes(port))) return ports;
  }
}

/** The processes in a group, without its leader, by the workspace or program that they run. */
function membersOf(group: number): Member[] {
  const members: Member[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === group) continue;
    const stat = readProc(pid, 'stat');
    // proc(5): after the name, which may hold spaces: state, parent, process group.
    const [state, parent, processGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (Number(processGroup) !== group || state === 'Z') continue;
    const [command = '', ...args] = readProc(pid, 'cmdline').split('\0');
    const service = args.map((arg) => /([a-z-]+)\/src\/main\.ts$/.exec(arg)?.[1]).find((name) => name !== undefined);
    const name = service === 'edge' ? edgeName(pid) : (service ?? command);
    members.push({ name, pid, parentPid: Number(parent) });
  }
  return members;
}

function edgeName(pid: number): string {
  return /(?:^|\0)HEADWATER_NODE_ID=([^\0]*)/.exec(readProc(pid, 'environ'))?.[1] ?? 'edge';
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch (error) {
    // Gone between the listing and the look.
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ESRCH') return '';
    throw error;
  }
}

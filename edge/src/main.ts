import { systemClock } from '@headwater/service/clock';
import { type Service, run } from '@headwater/service/lifecycle';
import { createLog } from '@headwater/service/log';
import { type EdgeConfig, readConfig } from './config.ts';
import type { TellOthers } from './restart/crew.ts';
import type { Succession } from './restart/estate.ts';
import { Keeper } from './restart/keeper.ts';
import type { Member } from './restart/member.ts';
import { createRestartEvents } from './restart/restart-events.ts';
import { listenForRestarts } from './restart/restart-socket.ts';
import { startSuccessor } from './restart/start-successor.ts';
import { SUCCESSOR_ARGUMENT } from './restart/successor-process.ts';
import { startEdge } from './start-edge.ts';
import { startNode } from './workers/start-node.ts';
import { startWorker } from './workers/start-worker.ts';
import { WORKER_ARGUMENT } from './workers/worker-process.ts';

/** As it was named, so that a link which points to another version by now leads there. */
const ENTRY = process.argv[1] ?? import.meta.filename;

process.exit(await run(start));

async function start(): Promise<Service> {
  const [, , role] = process.argv;
  // Meant for the process that started first.
  if (role !== undefined) process.on('SIGHUP', () => undefined);
  if (role === WORKER_ARGUMENT) return startWorker();
  if (role === SUCCESSOR_ARGUMENT) return startSuccessor({ config: readConfig, start: startGeneration });
  return startKeeper(readConfig());
}

async function startKeeper(config: EdgeConfig): Promise<Service> {
  const log = createLog({ service: 'edge', level: config.logLevel, nowMs: () => systemClock.nowMs() });
  const events = createRestartEvents(log);
  let keeper: Keeper | null = null;
  // One that has not started yet is what the program is.
  process.on('SIGHUP', () => void keeper?.restart());
  const first = (tellOthers: TellOthers): Promise<Member> => startGeneration(config, { estate: null, tellOthers });
  const kept = await Keeper.start({ first, entry: ENTRY, events });
  keeper = kept;
  const socket = await listenForRestarts(config.restartSocket, () => kept.restart()).catch(events.unasked);
  return {
    ended: kept.ended,
    async [Symbol.asyncDispose]() {
      await Promise.all([socket?.[Symbol.asyncDispose](), kept[Symbol.asyncDispose]()]);
    },
  };
}

function startGeneration(config: EdgeConfig, succession: Succession): Promise<Member> {
  const workers = succession.estate?.loans.length ?? config.workers;
  return workers === 1 ? startEdge(config, { succession }) : startNode(config, ENTRY, { succession });
}

import { run } from '@headwater/service/lifecycle';
import { readConfig } from './config.ts';
import { startEdge } from './start-edge.ts';
import { startNode } from './workers/start-node.ts';
import { startWorker } from './workers/start-worker.ts';
import { WORKER_ARGUMENT } from './workers/worker-process.ts';

process.exit(await run(start));

async function start(): Promise<AsyncDisposable> {
  if (process.argv[2] === WORKER_ARGUMENT) return startWorker();
  const config = readConfig();
  if (config.workers === 1) return startEdge(config);
  const node = await startNode(config, import.meta.filename);
  process.on('SIGHUP', () => void node.restart());
  return node;
}

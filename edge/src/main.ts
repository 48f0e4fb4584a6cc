import { run } from '@headwater/service/lifecycle';
import { readConfig } from './config.ts';
import { startEdge } from './start-edge.ts';

process.exit(await run(async () => startEdge(readConfig())));

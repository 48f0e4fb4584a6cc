import { run } from '@headwater/service/lifecycle';
import { readConfig } from './config.ts';
import { startOrigin } from './start-origin.ts';

process.exit(await run(async () => startOrigin(readConfig())));

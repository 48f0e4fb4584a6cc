import { run } from '@headwater/service/lifecycle';
import { readConfig } from './config.ts';
import { startControlPlane } from './start-control-plane.ts';

process.exit(await run(async () => startControlPlane(readConfig())));

import { run } from '@headwater/service/lifecycle';
import { readConfig } from './config.ts';
import { startGeo } from './start-geo.ts';

process.exit(await run(async () => startGeo(readConfig())));

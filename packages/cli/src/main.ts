#!/usr/bin/env node
import { ConfigError } from '@headwater/service/env';
import { ListenError } from '@headwater/service/listen';
import { type CliConfig, readConfig } from './config.ts';
import { edge } from './edge.ts';
import { StartError, up } from './up.ts';

const HELP = `headwater: an edge CDN for live and on-demand video

  headwater up      control plane, geo, origin and two edges on this machine, with a test picture to watch
  headwater edge    one edge, which joins the control plane at HEADWATER_CONTROL_URL

Everything is set by environment variables; README.md lists them.`;

/** A terminal's Ctrl-C reaches us directly and again from whoever started us: any number of signals mean one stop. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  process.on('SIGHUP', stop);
  process.once('disconnect', stop);
  return controller.signal;
}

async function runCommand(words: readonly string[]): Promise<number> {
  const [command, ...rest] = words;
  if (command === undefined || command === '--help' || command === '-h' || command === 'help') {
    console.log(HELP);
    return 0;
  }
  if (rest.length > 0 || (command !== 'up' && command !== 'edge')) {
    console.error(`headwater: does not know ${JSON.stringify(words.join(' '))}; try headwater --help`);
    return 64;
  }
  const config: CliConfig = readConfig();
  if (command === 'edge') return edge(config, stopSignal());
  await up(config, stopSignal(), console.log);
  return 0;
}

try {
  process.exit(await runCommand(process.argv.slice(2)));
} catch (error) {
  const known = error instanceof ConfigError || error instanceof ListenError || error instanceof StartError;
  console.error(known ? `headwater: ${error.message}` : error);
  process.exit(error instanceof StartError ? error.exitCode : error instanceof ConfigError ? 78 : 1);
}

#!/usr/bin/env node
import { ConfigError } from '@headwater/service/env';
import { ListenError } from '@headwater/service/listen';
import { CommanderError, Command } from 'commander';
import { CommandError } from './command-error.ts';
import { addAccountCommands } from './commands/account.ts';
import { addAuditCommands } from './commands/audit.ts';
import { addCompletionCommand } from './commands/completion.ts';
import { addConfigCommands } from './commands/config.ts';
import { addEdgeCommands } from './commands/edge.ts';
import { addExplainCommand } from './commands/explain.ts';
import { addKeyCommands } from './commands/keys.ts';
import { addLoginCommands } from './commands/login.ts';
import { addNodeCommands } from './commands/nodes.ts';
import { addOriginCommands } from './commands/origin.ts';
import { addPurgeCommand } from './commands/purge.ts';
import { addStreamCommands } from './commands/streams.ts';
import { addTokenCommands } from './commands/token.ts';
import { addTopCommand } from './commands/top.ts';
import { addUserCommands } from './commands/users.ts';
import { addZoneCommands } from './commands/zones.ts';
import { readConfig } from './config.ts';
import { isAtTerminal } from './one-node.ts';
import { connectOperator } from './operator-login.ts';
import { up } from './up.ts';

const EX_USAGE = 64;
const EX_CONFIG = 78;

/** A terminal's Ctrl-C reaches us directly and again from whoever started us: any number of signals mean one stop. */
function stopSignal(isHangupMeant = true): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  if (isHangupMeant) process.on('SIGHUP', stop);
  process.once('disconnect', stop);
  return controller.signal;
}

/** Every command on one screen. */
function makeProgram(): Command {
  const program = new Command('headwater')
    .description('An edge CDN for live and on-demand video. Operators set HEADWATER_CONTROL_URL, and log in.')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'headwater: ')) })
    .exitOverride();
  const connect = async () => connectOperator(readConfig());
  program
    .command('up')
    .description('control plane, geo, origin and two edges on this machine, with a test picture to watch')
    .action(() => up(readConfig(), stopSignal(), console.log));
  addEdgeCommands(program, readConfig, () => stopSignal(isAtTerminal()));
  addOriginCommands(program, readConfig, stopSignal);
  addLoginCommands(program, readConfig, connect);
  addAccountCommands(program, connect);
  addUserCommands(program, connect);
  addKeyCommands(program, connect);
  addAuditCommands(program, connect);
  addTokenCommands(program, connect);
  addNodeCommands(program, connect);
  addStreamCommands(program, connect);
  addZoneCommands(program, connect);
  addPurgeCommand(program, connect);
  addConfigCommands(program, connect);
  addExplainCommand(program, connect);
  addTopCommand(program, connect, stopSignal);
  addCompletionCommand(program);
  return program;
}

/** The exit code of what ended a command; what it has to say was not said yet only for errors of ours. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EX_USAGE;
  const isKnown = error instanceof ConfigError || error instanceof ListenError || error instanceof CommandError;
  console.error(isKnown || isOfTheSystem(error) ? `headwater: ${error.message}` : error);
  if (error instanceof CommandError) return error.exitCode;
  return error instanceof ConfigError ? EX_CONFIG : 1;
}

/** A disk that is full, a directory that may not be written: its message says what, where and which. */
function isOfTheSystem(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}

const program = makeProgram();
try {
  if (process.argv.length <= 2) program.outputHelp();
  else await program.parseAsync();
  process.exit(process.exitCode ?? 0);
} catch (error) {
  process.exit(exitCodeOf(error));
}

/** What the person at the terminal is asked for; a program gives it on standard input, a line each. */

import { type Interface, createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { CommandError } from './command-error.ts';

let piped: AsyncIterator<string> | null = null;

/** Whether there is somebody to ask. */
export function isInteractive(): boolean {
  return process.stdin.isTTY;
}

/** Asks for a secret, which is not shown while it is typed. */
export async function askSecret(question: string): Promise<string> {
  return isInteractive() ? askHidden(question) : nextLine(question);
}

async function askHidden(question: string): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  // From here on the terminal shows nothing of what is typed; only then is it asked for.
  const reader = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  process.stderr.write(`${question}: `);
  try {
    return await firstLine(reader, question);
  } finally {
    reader.close();
    process.stderr.write('\n');
  }
}

function firstLine(reader: Interface, question: string): Promise<string> {
  return new Promise((resolve, reject) => {
    reader.once('line', resolve);
    reader.once('SIGINT', () => reject(new CommandError('interrupted', 130)));
    reader.once('close', () => reject(new CommandError(`${question} was not given`)));
  });
}

async function nextLine(question: string): Promise<string> {
  piped ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const next = (await piped.next()) as IteratorResult<string, undefined>;
  if (next.done === true) throw new CommandError(`wants ${question.toLowerCase()} on standard input, a line each`);
  return next.value;
}

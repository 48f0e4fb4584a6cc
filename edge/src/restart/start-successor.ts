/** A later generation's own side: it starts with what the one before it leaves, and does what the first process tells it. */

import { loadTlsFiles } from '@headwater/service/tls-files';
import type { EdgeConfig } from '../config.ts';
import type { News, TellOthers } from './crew.ts';
import type { Succession } from './estate.ts';
import { pack, unpack } from './estate-parcel.ts';
import { type Parcel, Line } from './line.ts';
import type { Member } from './member.ts';
import { LINE_VERSION } from './successor-process.ts';

interface SuccessorOptions {
  readonly config: () => EdgeConfig;
  readonly start: (config: EdgeConfig, succession: Succession) => Promise<Member>;
}

/**
 * Serves until disposed of.
 * @throws Error in a process that no edge has started
 */
export async function startSuccessor({ config, start }: SuccessorOptions): Promise<AsyncDisposable> {
  const started = Promise.withResolvers<Member>();
  // Whoever waits for it is told of the failure by this process's end.
  started.promise.catch(() => undefined);
  const line = openLine(async (question, content) => answer(await started.promise, question, content));
  const tellOthers: TellOthers = async (news) => {
    const told = await line.ask('tell', { content: news });
    return (told?.content ?? []) as Awaited<ReturnType<TellOthers>>;
  };
  try {
    const read = config();
    await Promise.all(read.tlsFiles.map((files) => loadTlsFiles(files)));
    const parcel = await line.ask('inherit', { content: LINE_VERSION });
    if (parcel === null || parcel.content === null) throw new Error('there is nothing to take over');
    const estate = unpack(parcel);
    const member = await start(read, { estate, tellOthers });
    started.resolve(member);
    await line.ask('serves');
    return member;
  } catch (error) {
    started.reject(error);
    await line.ask('complain', { content: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}

function openLine(onQuestion: (question: string, content: unknown) => Promise<Parcel>): Line {
  if (!process.connected) throw new Error('a successor is started by its edge alone');
  const line = new Line({
    send: (message, handle) => process.connected && (process.send?.(message, handle, undefined, () => undefined), true),
    onQuestion: (question, { content }) => onQuestion(question, content),
  });
  process.on('message', (message, handle) => line.take(message, handle));
  process.once('disconnect', () => line.close());
  return line;
}

async function answer(member: Member, question: string, content: unknown): Promise<Parcel> {
  switch (question) {
    case 'take':
      return { content: await member.take(content as News) };
    case 'lend': {
      const estate = await member.lend();
      return estate === null ? { content: null } : pack(estate);
    }
    case 'keep-on':
      return { content: await member.keepOn() };
    case 'enter':
      return { content: await member.enter() };
    case 'leave':
      return { content: await member.leave() };
    case 'retire':
      return { content: await member.retire() };
    case 'counts':
      return { content: await member.counts() };
    case 'counts-before':
      return { content: await member.noteCountsBefore(String(content)) };
    default:
      throw new Error(`nobody can answer ${question}`);
  }
}

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FuzzTarget } from './target.ts';

export const SOURCE_FOLDER = join(import.meta.dirname, '..', 'src');
export const CORPUS_FOLDER = join(import.meta.dirname, 'corpus');
const TARGET_FOLDER = join(import.meta.dirname, 'targets');

/** What crashed a parser once; the other files of the corpus are valid inputs. */
export const CRASH_PREFIX = 'crash-';

export interface CorpusFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly valid: boolean;
}

/** The files of `targets/`, in order of their names. */
export function listTargets(): string[] {
  return readdirSync(TARGET_FOLDER)
    .filter((name) => name.endsWith('.ts'))
    .sort();
}

export async function loadTarget(file: string): Promise<FuzzTarget> {
  const loaded = (await import(join(TARGET_FOLDER, file))) as { target: FuzzTarget };
  return loaded.target;
}

export function loadCorpus(targetName: string): CorpusFile[] {
  const folder = join(CORPUS_FOLDER, targetName);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => ({
      name,
      bytes: new Uint8Array(readFileSync(join(folder, name))),
      valid: !name.startsWith(CRASH_PREFIX),
    }));
}

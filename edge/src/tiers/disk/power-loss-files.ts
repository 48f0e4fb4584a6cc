/** Files for tests that lose with the power what was not synced: of a file its bytes, of a directory its names. */

import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type DiskFile, type FileLayer, nodeFiles } from './file-layer.ts';

/** What a name leads to, whatever it is called by now. */
interface Content {
  path: string;
  safe: Buffer;
}

export interface PowerLossFiles extends FileLayer {
  /** The system has written by itself all that there is now. */
  flush(directory: string): Promise<void>;
  /** Brings a directory to what is sure to be left of it. Nobody has its files open. */
  losePower(directory: string): Promise<void>;
}

export function powerLossFiles(): PowerLossFiles {
  const now = new Map<string, Content>();
  const safe = new Map<string, Map<string, Content>>();

  const syncNames = (directory: string): void => {
    const names = [...now].filter(([path]) => dirname(path) === directory);
    safe.set(directory, new Map(names));
  };
  const contentOf = (path: string): Content => {
    const content = now.get(path) ?? { path, safe: Buffer.alloc(0) };
    now.set(path, content);
    return content;
  };
  return {
    ...nodeFiles,
    async open(path) {
      const file: DiskFile = await nodeFiles.open(path);
      const content = contentOf(path);
      return {
        ...file,
        async sync() {
          await file.sync();
          content.safe = await readFile(content.path);
        },
      };
    },
    async rename(from, to) {
      await nodeFiles.rename(from, to);
      const content = contentOf(from);
      content.path = to;
      now.delete(from);
      now.set(to, content);
    },
    async remove(path) {
      await nodeFiles.remove(path);
      now.delete(path);
    },
    async syncDirectory(path) {
      await nodeFiles.syncDirectory(path);
      syncNames(path);
    },
    async flush(directory) {
      for (const name of await readdir(directory)) {
        const path = join(directory, name);
        contentOf(path).safe = await readFile(path);
      }
      syncNames(directory);
    },
    async losePower(directory) {
      for (const name of await readdir(directory)) await rm(join(directory, name));
      const left = safe.get(directory) ?? new Map<string, Content>();
      now.clear();
      for (const [path, content] of left) {
        await writeFile(path, content.safe);
        content.path = path;
        now.set(path, content);
      }
    },
  };
}

/** The files of the disk tier, as narrow as they are needed: what a test can make fail. */

import { mkdir, open, readFile, readdir, rename, unlink } from 'node:fs/promises';

export interface DiskFile {
  readonly sizeBytes: number;
  /** @returns how many bytes there were, fewer than asked for at the end of the file */
  read(into: Buffer, position: number): Promise<number>;
  /** Writes all or throws. */
  write(buffers: readonly Buffer[], position: number): Promise<void>;
  truncate(sizeBytes: number): Promise<void>;
  /** Resolves when what was written survives a loss of power. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface FileLayer {
  makeDirectory(path: string): Promise<void>;
  list(path: string): Promise<readonly string[]>;
  /** Opens to read and write; makes the file if there is none. */
  open(path: string): Promise<DiskFile>;
  readWhole(path: string): Promise<Buffer>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Resolves when the names in a directory, as they are now, survive a loss of power. */
  syncDirectory(path: string): Promise<void>;
}

/** A shared cache holds what others may not read. */
const OWNER_ALONE = 0o600;

export const nodeFiles: FileLayer = {
  makeDirectory: async (path) => {
    await mkdir(path, { recursive: true, mode: 0o700 });
  },
  list: (path) => readdir(path),
  open: openFile,
  readWhole: (path) => readFile(path),
  rename: (from, to) => rename(from, to),
  remove: (path) => unlink(path),
  syncDirectory: async (path) => {
    await using handle = await open(path, 'r');
    await handle.sync();
  },
};

async function openFile(path: string): Promise<DiskFile> {
  // 'a+' would ignore positions; 'r+' wants the file to be there.
  const handle = await open(path, 'r+').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return open(path, 'wx+', OWNER_ALONE);
    throw error;
  });
  const { size } = await handle.stat();
  return {
    sizeBytes: size,
    read: async (into, position) => (await handle.read(into, 0, into.length, position)).bytesRead,
    write: async (buffers, position) => {
      const expected = buffers.reduce((sum, { length }) => sum + length, 0);
      const { bytesWritten } = await handle.writev(buffers, position);
      // A disk that fills up takes the beginning and says nothing.
      if (bytesWritten !== expected) throw Object.assign(new Error(`${path}: short write`), { code: 'ENOSPC' });
    },
    truncate: (sizeBytes) => handle.truncate(sizeBytes),
    sync: () => handle.datasync(),
    close: () => handle.close(),
  };
}

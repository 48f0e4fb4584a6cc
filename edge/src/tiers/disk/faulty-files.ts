/** Files for tests that fail when they are told to. */

import { type DiskFile, type FileLayer, nodeFiles } from './file-layer.ts';

type Operation = 'read' | 'write' | 'open' | 'remove' | 'truncate';

export interface FaultyFiles extends FileLayer {
  /** What happens to an operation on a path, before it is done: nothing, an error code, or something that is waited for. */
  fault: (operation: Operation, path: string) => string | Promise<void> | null;
}

/** Real files, until `fault` is set. */
export function faultyFiles(): FaultyFiles {
  const suffer = async (operation: Operation, path: string): Promise<void> => {
    const outcome = files.fault(operation, path);
    if (typeof outcome === 'string') throw Object.assign(new Error(`${outcome}: ${path}`), { code: outcome });
    await outcome;
  };
  const files: FaultyFiles = {
    ...nodeFiles,
    fault: () => null,
    async open(path) {
      await suffer('open', path);
      return faultyFile(await nodeFiles.open(path), (operation) => suffer(operation, path));
    },
    async remove(path) {
      await suffer('remove', path);
      await nodeFiles.remove(path);
    },
  };
  return files;
}

function faultyFile(file: DiskFile, suffer: (operation: Operation) => Promise<void>): DiskFile {
  return {
    ...file,
    async read(into, position) {
      await suffer('read');
      return file.read(into, position);
    },
    async write(buffers, position) {
      await suffer('write');
      await file.write(buffers, position);
    },
    async truncate(sizeBytes) {
      await suffer('truncate');
      await file.truncate(sizeBytes);
    },
  };
}

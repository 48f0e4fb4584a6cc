/** A log file that cannot fill the disk: at its limit it becomes `.1`, in place of the one before. */

import { type FileHandle, open, rename } from 'node:fs/promises';

const LIMIT_BYTES = 16 * 1024 * 1024;

/** Appends; one write at a time. */
export class LogFile implements AsyncDisposable {
  readonly #path: string;
  readonly #limitBytes: number;
  #file: FileHandle;
  #sizeBytes: number;

  private constructor(path: string, limitBytes: number, file: FileHandle, sizeBytes: number) {
    this.#path = path;
    this.#limitBytes = limitBytes;
    this.#file = file;
    this.#sizeBytes = sizeBytes;
  }

  static async open(path: string, limitBytes = LIMIT_BYTES): Promise<LogFile> {
    const file = await open(path, 'a', 0o600);
    const { size } = await file.stat();
    return new LogFile(path, limitBytes, file, size);
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#sizeBytes > 0 && this.#sizeBytes + chunk.length > this.#limitBytes) await this.#turn();
    await this.#file.writeFile(chunk);
    this.#sizeBytes += chunk.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  async #turn(): Promise<void> {
    await this.#file.close();
    await rename(this.#path, `${this.#path}.1`);
    this.#file = await open(this.#path, 'a', 0o600);
    this.#sizeBytes = 0;
  }
}

/**
 * A log file that cannot fill the disk: at its limit it becomes `.1`, in place of the one before. Nor can a full disk end what is
 * logged: lines that cannot be kept are lost, and that is told.
 */

import { type FileHandle, open, rename } from 'node:fs/promises';

const LIMIT_BYTES = 16 * 1024 * 1024;

interface LogFileOptions {
  readonly limitBytes?: number;
  /** Lines are lost from here on, until the file can be written again. */
  readonly onLoss?: (reason: string) => void;
}

/** Appends; one write at a time. */
export class LogFile implements AsyncDisposable {
  readonly #path: string;
  readonly #options: LogFileOptions;
  /** null between two files */
  #file: FileHandle | null;
  #sizeBytes: number;
  #isLosing = false;

  private constructor(path: string, options: LogFileOptions, file: FileHandle, sizeBytes: number) {
    this.#path = path;
    this.#options = options;
    this.#file = file;
    this.#sizeBytes = sizeBytes;
  }

  static async open(path: string, options: LogFileOptions = {}): Promise<LogFile> {
    const file = await open(path, 'a', 0o600);
    const { size } = await file.stat();
    return new LogFile(path, options, file, size);
  }

  async write(chunk: Uint8Array): Promise<void> {
    try {
      const limitBytes = this.#options.limitBytes ?? LIMIT_BYTES;
      if (this.#sizeBytes > 0 && this.#sizeBytes + chunk.length > limitBytes) await this.#turn();
      this.#file ??= await open(this.#path, 'a', 0o600);
      await this.#file.writeFile(chunk);
      this.#sizeBytes += chunk.length;
      this.#isLosing = false;
    } catch (error) {
      if (!this.#isLosing) this.#options.onLoss?.((error as Error).message);
      this.#isLosing = true;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.close();
  }

  async #turn(): Promise<void> {
    const full = this.#file;
    this.#file = null;
    await full?.close();
    await rename(this.#path, `${this.#path}.1`);
    this.#sizeBytes = 0;
  }
}

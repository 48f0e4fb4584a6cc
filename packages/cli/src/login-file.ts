/** The sessions of the person at this machine, one for each control plane; readable by them alone. */

import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '@headwater/service/clock';
import { CommandError } from './command-error.ts';

/** What a log-in brought. */
export interface Login {
  readonly name: string;
  readonly accessToken: string;
  /** of the access token, RFC 3339 */
  readonly expiresAt: string;
  readonly refreshToken: string;
}

const LOCK_POLL_MS = 50;
/** A lock that is older was left behind. */
const LOCK_STALE_MS = 15_000;
const LOCK_TRIES = 400;

export class LoginFile {
  readonly #path: string;
  readonly #clock: Clock;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  /** The session at a control plane, or null. */
  async read(url: string): Promise<Login | null> {
    return (await this.#all())[url] ?? null;
  }

  /** Replaces it; null forgets it. For who holds the lock. */
  async write(url: string, login: Login | null): Promise<void> {
    const { [url]: _, ...others } = await this.#all();
    const all = login === null ? others : { ...others, [url]: login };
    const draft = `${this.#path}.${process.pid}.new`;
    const file = await open(draft, 'w', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(all, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, this.#path);
  }

  /** One command at a time: of two that renew with one refresh token, the second would end the session. */
  async locked<T>(work: () => Promise<T>): Promise<T> {
    const lock = `${this.#path}.lock`;
    await mkdir(dirname(lock), { recursive: true, mode: 0o700 });
    for (let tries = 0; !(await this.#take(lock)); tries += 1) {
      if (tries === LOCK_TRIES) throw new CommandError(`${lock} is held by another command`);
      await delay(LOCK_POLL_MS);
    }
    try {
      return await work();
    } finally {
      await rm(lock, { force: true });
    }
  }

  async #take(lock: string): Promise<boolean> {
    try {
      await (await open(lock, 'wx', 0o600)).close();
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const madeMs = await stat(lock).then(
      ({ mtimeMs }) => mtimeMs,
      () => Infinity,
    );
    if (this.#clock.nowMs() - madeMs > LOCK_STALE_MS) await rm(lock, { force: true });
    return false;
  }

  async #all(): Promise<Readonly<Record<string, Login>>> {
    try {
      return JSON.parse(await readFile(this.#path, 'utf8')) as Record<string, Login>;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
      if (error instanceof SyntaxError) throw new CommandError(`${this.#path} is damaged; delete it and log in again`);
      throw error;
    }
  }
}

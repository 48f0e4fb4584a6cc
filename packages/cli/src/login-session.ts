/** A person's session as the source of the bearer that commands carry; renewed when it is about to end. */

import type { Clock } from '@headwater/service/clock';
import type { Login, LoginFile } from './login-file.ts';
import type { Bearer } from './operator-api.ts';

interface LoginSessionParts {
  readonly file: LoginFile;
  readonly url: string;
  readonly clock: Clock;
  /** takes a refresh token for the next log-in; null: the session has ended */
  readonly renew: (refreshToken: string) => Promise<Login | null>;
}

/** An access token that ends sooner is renewed first. */
const LEAST_LEFT_MS = 30_000;

export class LoginSession implements Bearer {
  readonly isPerson = true;
  readonly #parts: LoginSessionParts;

  constructor(parts: LoginSessionParts) {
    this.#parts = parts;
  }

  /** An access token with some life in it; null when the session has ended. */
  async token(refused?: string): Promise<string | null> {
    const { file, url, renew } = this.#parts;
    const login = await file.read(url);
    if (login === null || this.#isGood(login, refused)) return login?.accessToken ?? null;
    return file.locked(async () => {
      // Another command may have renewed it while this one waited.
      const known = await file.read(url);
      if (known === null || this.#isGood(known, refused)) return known?.accessToken ?? null;
      const next = await renew(known.refreshToken);
      await file.write(url, next);
      return next?.accessToken ?? null;
    });
  }

  #isGood({ accessToken, expiresAt }: Login, refused: string | undefined): boolean {
    return accessToken !== refused && Date.parse(expiresAt) - this.#parts.clock.nowMs() > LEAST_LEFT_MS;
  }
}

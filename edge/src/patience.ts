/** Waiting for something to hold, with an end to it. */

/** How long somebody waits. */
export interface Patience {
  readonly withinMs: number;
  /** the viewer went away */
  readonly signal?: AbortSignal;
}

/**
 * Waits until `holds`, looking again whenever `subscribe` calls back.
 * @param subscribe returns how to unsubscribe
 * @returns whether it held
 */
export function waitUntil(
  holds: () => boolean,
  { withinMs, signal }: Patience,
  subscribe: (check: () => void) => () => void,
): Promise<boolean> {
  if (holds()) return Promise.resolve(true);
  if (signal?.aborted === true) return Promise.resolve(false);
  return new Promise((resolve) => {
    const stop = (held: boolean): void => {
      clearTimeout(timer);
      unsubscribe();
      signal?.removeEventListener('abort', giveUp);
      resolve(held);
    };
    const giveUp = (): void => stop(false);
    const timer = setTimeout(giveUp, withinMs);
    signal?.addEventListener('abort', giveUp, { once: true });
    const unsubscribe = subscribe(() => {
      if (holds()) stop(true);
    });
  });
}

/** What a promise comes to, or null when there is no more patience. */
export async function within<T>(promise: Promise<T>, patience: Patience): Promise<T | null> {
  const got: { value?: T } = {};
  const settle = async (check: () => void): Promise<void> => {
    got.value = await promise;
    check();
  };
  await waitUntil(
    () => 'value' in got,
    patience,
    (check) => {
      void settle(check);
      return () => undefined;
    },
  );
  return got.value ?? null;
}

/** What an edge tells of its restarts. */

import type { Log } from '@headwater/service/log';

export type RestartEvents = ReturnType<typeof createRestartEvents>;

export function createRestartEvents(log: Log) {
  return {
    begun: (): void => log('info', 'restart_begun'),
    replaced: (pid: number | undefined): void => log('info', 'restart_done', { pid }),
    /** the one that was there goes on */
    refused: (reason: string): void => log('error', 'restart_failed', { reason }),
    /** something of one that was replaced could not be ended in order */
    leftBehind: (error: unknown): void => log('error', 'restart_left_behind', { reason: String(error) }),
    /** a signal does as well */
    unasked: (error: unknown): void => log('warn', 'restart_socket_missing', { reason: String(error) }),
  };
}

/** A worker's end of the channel that it was born with. */

import { type Listener, asHandle, fromHandle } from './listener.ts';
import type { Begin, FromWorker, ToWorker } from './messages.ts';

export type Order = Exclude<ToWorker, Begin>;

/**
 * The first thing that the node says.
 * @param onOrder gets what it says after that, in order
 * @throws Error in a process that no node has started, or whose node is gone
 */
export function openChannel(onOrder: (order: Order) => void): Promise<Begin & { readonly listener: Listener | null }> {
  return new Promise((resolve, reject) => {
    if (!process.connected) return reject(new Error('a worker is started by its node alone'));
    process.once('disconnect', () => reject(new Error('the node is gone')));
    process.on('message', (message, handle) => {
      const said = message as ToWorker;
      if (said.kind === 'begin') resolve({ ...said, listener: fromHandle(handle) });
      else onOrder(said);
    });
  });
}

/** Tells the node. One that is gone hears nothing; this process then ends as well. */
export function tell(message: FromWorker, listener: Listener | null = null): void {
  if (process.connected) process.send?.(message, asHandle(listener), undefined, () => undefined);
}

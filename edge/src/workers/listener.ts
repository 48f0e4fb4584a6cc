/**
 * A listening socket on its way from a worker to the one that replaces it, by the node. Both have it for a while, and it is
 * never closed: what has come and was taken by nobody yet is taken by the other.
 *
 * Node sends and takes in the handle itself. A `net.Server` would not do: it begins to listen wherever it arrives, on its way in
 * the node as well, where nobody answers.
 */

import type { SendHandle } from 'node:child_process';
import type { Server } from 'node:net';

/** A listening socket that this process does not take connections from. */
export interface Listener {
  close(): void;
}

export function listenerOf(server: Server): Listener | null {
  return (server as unknown as { readonly _handle: Listener | null })._handle;
}

/** As `send` takes it. */
export function asHandle(listener: Listener | null): SendHandle | undefined {
  return (listener ?? undefined) as SendHandle | undefined;
}

/** As a `message` brings it. */
export function fromHandle(handle: unknown): Listener | null {
  return (handle ?? null) as Listener | null;
}

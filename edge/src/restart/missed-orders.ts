/** What was ordered while nobody could do it to what is on disk: whoever opens that next does it before it serves. */

import type { FeedPage } from '@headwater/protocol/feed';

/** After so many orders anything may have changed. */
export const MISSED_LIMIT = 100;
const ANYTHING: FeedPage = { cursor: '', snapshot: true, messages: [] };

export class MissedOrders {
  #pages: readonly FeedPage[] = [];

  get pages(): readonly FeedPage[] {
    return this.#pages;
  }

  note(page: FeedPage): void {
    if (!dropsAnything(page)) return;
    this.#pages = this.#pages.length < MISSED_LIMIT ? [...this.#pages, page] : [ANYTHING];
  }

  /** Something was to be forgotten that no order names. */
  noteAnything(): void {
    this.#pages = [ANYTHING];
  }

  clear(): void {
    this.#pages = [];
  }
}

/** Whether something that is stored may have to go. */
export function dropsAnything({ snapshot, messages }: FeedPage): boolean {
  return snapshot || messages.some(({ type }) => type === 'purge' || type === 'zone-removed');
}

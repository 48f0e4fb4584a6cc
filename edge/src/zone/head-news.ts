/** What an answer to HEAD says of the responses that are stored (RFC 9111 §4.3.5). */

import type { FieldList } from '../http-cache/fields.ts';
import { asksAlone } from '../http-cache/reuse.ts';
import { judgeStorage } from '../http-cache/storable.ts';
import type { ExchangeTimes } from '../http-cache/stored-head.ts';
import { freshenByHead } from '../http-cache/validation.ts';
import { selectVariant } from '../http-cache/vary.ts';
import type { Ask } from './ask.ts';
import type { PurgeMark } from './entry.ts';
import { type Shelf, isLater } from './shelf.ts';
import { tagsOf } from './tags.ts';

/** When it was asked, and where it stands among the purges. */
interface Question {
  readonly times: ExchangeTimes;
  readonly purge: PurgeMark;
}

/** Brings what the same request for GET would get up to date; what has changed is not used any more. */
export async function freshenStored(
  shelf: Shelf,
  ask: Ask,
  response: { readonly status: number; readonly fields: FieldList },
  { times, purge }: Question,
): Promise<void> {
  // What is for one viewer says nothing of what others may have.
  if (asksAlone(ask.request)) return;
  const get = { ...ask.request, method: 'GET' };
  const candidates = await shelf.candidates(ask);
  const variant = selectVariant(candidates, get)?.variant;
  if (variant === undefined || variant === null) return;
  // It knows nothing of what was asked for after it, and what was purged or changed since must not come back by it.
  if (purge.isVoid || isLater(variant, { head: times, purge })) return;
  const news = freshenByHead(variant.head, response, { times, storedBytes: variant.lengthBytes });
  switch (news.kind) {
    case 'updated':
      if (!judgeStorage(get, news.head, times.responseMs).store) return shelf.forget(ask, variant);
      return shelf.confirm(ask, { ...variant, head: news.head, tags: tagsOf(ask.zone.name, news.head.fields) });
    case 'changed':
      return shelf.forget(ask, variant);
    case 'unrelated':
      return;
  }
}

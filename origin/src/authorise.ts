/** Asks the control plane whether a publish may be; in its absence the feed's key hash decides. */

import { createHash, timingSafeEqual } from 'node:crypto';
import type { FeedPage, Ladder, StreamEntry } from '@headwater/protocol/feed';
import { isStreamName } from '@headwater/protocol/names';
import type { FleetLink } from '@headwater/service/fleet-link';
import type { Authorisation, PublishRequest } from './publish.ts';

interface AuthoriseOptions {
  readonly link: Pick<FleetLink, 'ask'>;
  readonly nodeId: string;
  readonly streams: () => ReadonlyMap<string, StreamEntry>;
}

interface Claim {
  readonly stream?: string;
  readonly ladder?: Ladder | null;
  readonly lastEpochOrdinal?: number | null;
}

/** The decision of `POST /v1/publishes`, which also claims the stream for this origin. */
export async function authorise(request: PublishRequest, options: AuthoriseOptions): Promise<Authorisation> {
  const { stream, key } = request;
  if (!isStreamName(stream)) return { ok: false, code: 'publish_denied' };
  const answer = await options.link.ask('POST', '/v1/publishes', { stream, key, origin: options.nodeId });
  if (answer.kind === 'unreachable' || answer.status >= 500 || answer.status === 401) {
    return authoriseAlone(request, options.streams());
  }
  if (answer.status === 200) {
    const claim = answer.body as Claim | null;
    // Something between may answer 200 to whatever it is asked, such as a balancer with a page of its own.
    if (claim?.stream !== stream) return authoriseAlone(request, options.streams());
    return { ok: true, ladder: claim.ladder ?? null, lastOrdinal: claim.lastEpochOrdinal ?? -1 };
  }
  return { ok: false, code: answer.status === 409 ? 'stream_claimed' : 'publish_denied' };
}

/** Without a control plane: the key must match the hash that the feed brought. */
function authoriseAlone({ stream, key }: PublishRequest, streams: ReadonlyMap<string, StreamEntry>): Authorisation {
  const entry = streams.get(stream);
  // A node that has never heard the feed knows no streams, and must not say that there are none.
  if (entry === undefined) return { ok: false, code: streams.size === 0 ? 'not_ready' : 'publish_denied' };
  if (!isKeyOf(key, entry)) return { ok: false, code: 'publish_denied' };
  return { ok: true, ladder: entry.ladder, lastOrdinal: -1 };
}

/**
 * Whether a publish may go on after a page of the feed: its stream may have been deleted, or made anew with another key. What a
 * page does not tell of stays: of a stream that was made a moment ago the feed may not have told yet.
 * @param streams with the page taken in
 */
export function mayGoOn(
  { stream, key }: Pick<PublishRequest, 'stream' | 'key'>,
  page: FeedPage,
  streams: ReadonlyMap<string, StreamEntry>,
): boolean {
  const isTold = page.messages.some(
    (message) =>
      (message.type === 'stream' && message.stream.name === stream) ||
      (message.type === 'stream-removed' && message.name === stream),
  );
  if (!isTold && !page.snapshot) return true;
  const entry = streams.get(stream);
  return entry !== undefined && isKeyOf(key, entry);
}

function isKeyOf(key: string, { keyHash }: StreamEntry): boolean {
  const offered = createHash('sha256').update(key).digest();
  const known = Buffer.from(keyHash, 'base64url');
  return known.length === offered.length && timingSafeEqual(known, offered);
}

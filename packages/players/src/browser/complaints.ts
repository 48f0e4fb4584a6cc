/** Why a stream does not play, in words, and whether it may play later. */

export interface Complaint {
  readonly text: string;
  /** trying again can help */
  readonly passes: boolean;
}

const BY_CODE: Readonly<Record<string, Complaint>> = {
  stream_offline: { text: 'This stream is not on air. Waiting for it to begin …', passes: true },
  stream_not_found: { text: 'There is no such stream.', passes: false },
  session_missing: { text: 'This stream needs a link with a token. Ask for one where you found it.', passes: false },
  session_expired: { text: 'Your link has ended. Ask for a new one.', passes: false },
  token_expired: { text: 'Your link has ended. Ask for a new one.', passes: false },
  session_not_yet_valid: { text: 'Your link is not valid yet. Waiting for its time …', passes: true },
  session_address: { text: 'Your link belongs to another network address.', passes: false },
  token_revoked: { text: 'Your link has been withdrawn.', passes: false },
  no_edge: { text: 'No edge is up to serve this stream. Waiting for one …', passes: true },
  not_ready: { text: 'The service is starting. Waiting for it …', passes: true },
};

const REFUSED: Complaint = { text: 'Your link was refused. Ask for a new one.', passes: false };
const UNREACHABLE: Complaint = { text: 'The service cannot be reached. Trying again …', passes: true };
const INTERRUPTED: Complaint = { text: 'The picture was interrupted. Trying again …', passes: true };

/** A door that hangs is none. */
const ANSWER_MS = 5_000;

/** Asks the door what is wrong with a URL of its own, since a player only ever says that loading failed. */
export async function findComplaint(url: string): Promise<Complaint> {
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const answer = await fetch(url, { headers: { accept: 'application/json' }, cache: 'no-store', signal });
    if (answer.ok) return INTERRUPTED;
    const { code } = (await answer.json()) as { readonly code?: string };
    return BY_CODE[code ?? ''] ?? (answer.status === 403 ? REFUSED : UNREACHABLE);
  } catch (error) {
    // fetch throws a TypeError for the network and a DOMException for silence, json() a SyntaxError for a stranger's answer.
    if (error instanceof TypeError || error instanceof DOMException || error instanceof SyntaxError) return UNREACHABLE;
    throw error;
  }
}

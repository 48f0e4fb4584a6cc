/**
 * What `resume-segments.ts` does for Shaka, for dash.js. It asks for a segment that broke off at another edge, and appends it
 * from its first byte. It appends whole chunks alone, and forgets what it has of one that broke off: here whole ones are left out.
 */

interface Held {
  /** of the segment, from its first byte on, in whole chunks */
  wholeBytes: number;
  lastMs: number;
  /** the player's own */
  readonly signal: AbortSignal | null;
}

/** Longer than any silence that an answer is given up for. What is asked for later may have left the buffer. */
const RESUMED_WITHIN_MS = 5_000;
/** Answers under way, and such as broke off: sound, picture, and a second one of each. */
const HELD_LIMIT = 4;
/** `mdat`, which ends a chunk (ISO/IEC 14496-12 §8.1.1) */
const MDAT = 0x6d646174;
const HEADER_BYTES = 8;

/**
 * From now on an answer with a segment leaves out what one to the same path brought that broke off just before.
 * @returns what ends it
 */
export function installFetchResume(nowMs: () => number): () => void {
  const plain = globalThis.fetch;
  const held = new Map<string, Held>();
  const resuming: typeof fetch = async (input, init) => {
    const response = await plain(input, init);
    const { pathname } = new URL(response.url);
    if (response.status !== 200 || !pathname.endsWith('.m4s') || response.body === null) return response;
    const former = held.get(pathname);
    const isHeld = former?.signal?.aborted !== true && nowMs() - (former?.lastMs ?? 0) <= RESUMED_WITHIN_MS;
    const wholeBytes = former !== undefined && isHeld ? former.wholeBytes : 0;
    const signal = init?.signal ?? (input instanceof Request ? input.signal : null);
    const mine: Held = { wholeBytes, lastMs: nowMs(), signal };
    keep(held, pathname, mine);
    const rest = response.body.pipeThrough(
      leaveOut(wholeBytes, {
        onChunks(bytes) {
          mine.lastMs = nowMs();
          mine.wholeBytes = Math.max(mine.wholeBytes, bytes);
        },
        onEnd: () => void (held.get(pathname) === mine && held.delete(pathname)),
      }),
    );
    // A new Response would have lost its URL.
    Object.defineProperty(response, 'body', { value: rest });
    return response;
  };
  globalThis.fetch = resuming;
  return () => {
    if (globalThis.fetch === resuming) globalThis.fetch = plain;
  };
}

function keep(held: Map<string, Held>, path: string, mine: Held): void {
  held.delete(path);
  held.set(path, mine);
  const [oldest] = held.keys();
  if (held.size > HELD_LIMIT && oldest !== undefined) held.delete(oldest);
}

type Bytes = Uint8Array<ArrayBuffer>;

function leaveOut(
  heldBytes: number,
  { onChunks, onEnd }: { readonly onChunks: (wholeBytes: number) => void; readonly onEnd: () => void },
): TransformStream<Bytes, Bytes> {
  const count = chunkCounter();
  let atByte = 0;
  // It has no queue: what is counted is read.
  return new TransformStream({
    transform(data, controller) {
      const skipped = Math.max(0, heldBytes - atByte);
      atByte += data.length;
      onChunks(count(data));
      // A copy: dash.js takes all of a view's buffer.
      if (skipped < data.length) controller.enqueue(skipped === 0 ? data : data.slice(skipped));
    },
    flush: onEnd,
  });
}

/** Takes a segment's bytes as they come, and says where the last chunk that is whole ends. */
function chunkCounter(): (data: Bytes) => number {
  const header = new DataView(new ArrayBuffer(HEADER_BYTES));
  let headerBytes = 0;
  let leftBytes = 0;
  let passedBytes = 0;
  let wholeBytes = 0;
  return (data) => {
    let at = 0;
    while (at < data.length) {
      if (headerBytes < HEADER_BYTES) {
        header.setUint8(headerBytes, data[at] ?? 0);
        at += 1;
        headerBytes += 1;
        if (headerBytes < HEADER_BYTES) continue;
        // Sizes below a header's mean a longer one, or the rest (§4.2.2): no chunk of ours has such, and none is whole then.
        const sizeBytes = header.getUint32(0);
        leftBytes = sizeBytes < HEADER_BYTES ? Infinity : sizeBytes - HEADER_BYTES;
      }
      const takenBytes = Math.min(leftBytes, data.length - at);
      at += takenBytes;
      leftBytes -= takenBytes;
      if (leftBytes > 0) continue;
      headerBytes = 0;
      if (header.getUint32(4) === MDAT) wholeBytes = passedBytes + at;
    }
    passedBytes += data.length;
    return wholeBytes;
  };
}

/** Fragmented MP4 as it comes out of a pipe. */
import { MediaError, withBase } from '../media-error.ts';
import { fourCCText, LONG_HEADER_BYTES, readBoxHeader, SHORT_HEADER_BYTES, type Box } from './box.ts';
import { FTYP } from './box-ftyp.ts';
import { MOOF } from './box-moof.ts';
import { MOOV } from './box-moov.ts';
import { parseProducerReferenceTime, PRFT, type ProducerReferenceTime } from './box-prft.ts';
import { MDAT, readFragment, type Fragment, type LocatedBox } from './fragment.ts';
import { parseInit, type TrackInit } from './init.ts';

/** A larger ftyp, moov, moof or prft is an error. */
export const HEADER_BOX_LIMIT_BYTES = 2 * 1024 * 1024;
/** A larger mdat is an error: ten seconds at 25 Mb/s. */
export const MDAT_LIMIT_BYTES = 32 * 1024 * 1024;

export type ReaderEvent =
  | { readonly kind: 'init'; readonly init: TrackInit; /** ftyp and moov as they came */ readonly bytes: Uint8Array }
  | { readonly kind: 'fragment'; readonly fragment: Fragment };

/**
 * Reads one fragmented MP4 file in chunks of any size. Memory is bounded by the limits above. Samples are views: of the pushed chunk
 * where it held the whole mdat, else of a buffer of their own. So the caller must not write to a chunk again.
 */
export class FragmentReader {
  /** stream offset of the next byte to come */
  #position = 0;
  readonly #head = new Uint8Array(LONG_HEADER_BYTES);
  #headBytes = 0;
  /** the box that is being gathered, and how much of it is there */
  #partial: LocatedBox | undefined;
  #partialBytes = 0;
  /** bytes still to come of a box that nobody wants */
  #skipBytes = 0;
  #failure: MediaError | undefined;

  #ftyp: Uint8Array = new Uint8Array(0);
  #init: TrackInit | undefined;
  #prft: ProducerReferenceTime | undefined;
  #moof: LocatedBox | undefined;

  /**
   * What became whole with this chunk, in file order.
   * @throws MediaError with an offset into the stream; the reader throws the same one from then on
   */
  push(chunk: Uint8Array): ReaderEvent[] {
    if (this.#failure !== undefined) throw this.#failure;
    const events: ReaderEvent[] = [];
    try {
      let at = 0;
      while (at < chunk.length) {
        const used = this.#advance(chunk, at, events);
        at += used;
        this.#position += used;
      }
      return events;
    } catch (error) {
      if (error instanceof MediaError) this.#failure = error;
      throw error;
    }
  }

  /** Takes what it can use next of the chunk and says how much that was. */
  #advance(chunk: Uint8Array, at: number, events: ReaderEvent[]): number {
    if (this.#skipBytes > 0) {
      const used = Math.min(this.#skipBytes, chunk.length - at);
      this.#skipBytes -= used;
      return used;
    }
    if (this.#partial !== undefined) return this.#gather(this.#partial, chunk, at, events);
    return this.#readHead(chunk, at, events);
  }

  /** Gathers size and type of the next box. They may come in pieces. */
  #readHead(chunk: Uint8Array, at: number, events: ReaderEvent[]): number {
    const used = Math.min(this.#headWanted() - this.#headBytes, chunk.length - at);
    this.#head.set(chunk.subarray(at, at + used), this.#headBytes);
    this.#headBytes += used;
    const headBytes = this.#headBytes;
    if (headBytes < this.#headWanted()) return used;

    this.#headBytes = 0;
    const origin = this.#position + used - headBytes;
    const header = withBase(origin, () => readBoxHeader(this.#head, 0, headBytes));
    const sizeBytes = header.end;
    if (!this.#isWanted(header, origin)) {
      this.#skipBytes = sizeBytes - headBytes;
      return used;
    }
    const start = at + used - headBytes;
    if (start >= 0 && start + sizeBytes <= chunk.length) {
      this.#take({ bytes: chunk.subarray(start, start + sizeBytes), box: header, origin }, events);
      return start + sizeBytes - at;
    }
    const bytes = new Uint8Array(sizeBytes);
    bytes.set(this.#head.subarray(0, headBytes));
    this.#partial = { bytes, box: header, origin };
    this.#partialBytes = headBytes;
    if (sizeBytes === headBytes) this.#finishPartial(this.#partial, events);
    return used;
  }

  /** A size of 1 says that 64 bits of size follow the type. */
  #headWanted(): number {
    const [a, b, c, d] = this.#head;
    const long = this.#headBytes >= SHORT_HEADER_BYTES && a === 0 && b === 0 && c === 0 && d === 1;
    return long ? LONG_HEADER_BYTES : SHORT_HEADER_BYTES;
  }

  #isWanted({ type, end }: Box, origin: number): boolean {
    switch (type) {
      case FTYP:
      case MOOV:
      case MOOF:
      case PRFT:
        checkSize(type, end, HEADER_BOX_LIMIT_BYTES, origin);
        return true;
      case MDAT:
        checkSize(type, end, MDAT_LIMIT_BYTES, origin);
        return this.#moof !== undefined;
      default:
        return false;
    }
  }

  #gather(partial: LocatedBox, chunk: Uint8Array, at: number, events: ReaderEvent[]): number {
    const used = Math.min(partial.bytes.length - this.#partialBytes, chunk.length - at);
    partial.bytes.set(chunk.subarray(at, at + used), this.#partialBytes);
    this.#partialBytes += used;
    if (this.#partialBytes === partial.bytes.length) this.#finishPartial(partial, events);
    return used;
  }

  #finishPartial(partial: LocatedBox, events: ReaderEvent[]): void {
    this.#partial = undefined;
    this.#take(partial, events);
  }

  /** A whole box that is wanted. */
  #take(located: LocatedBox, events: ReaderEvent[]): void {
    const { bytes, box, origin } = located;
    if (box.type === FTYP) this.#ftyp = bytes;
    else if (box.type === MOOV) events.push(this.#takeHeader(located));
    else if (box.type === PRFT) this.#prft = withBase(origin, () => parseProducerReferenceTime(bytes, box));
    else if (box.type === MOOF) this.#takeMoof(located);
    else this.#takeMdat(located, events);
  }

  #takeHeader({ bytes: moov, origin }: LocatedBox): ReaderEvent {
    if (this.#init !== undefined) throw new MediaError('box_repeated', origin, 'a second moov');
    const bytes = new Uint8Array(this.#ftyp.length + moov.length);
    bytes.set(this.#ftyp);
    bytes.set(moov, this.#ftyp.length);
    const init = withBase(origin - this.#ftyp.length, () => parseInit(bytes));
    this.#init = init;
    return { kind: 'init', init, bytes };
  }

  #takeMoof(located: LocatedBox): void {
    if (this.#init === undefined) throw new MediaError('box_missing', located.origin, 'a moof before the moov');
    if (this.#moof !== undefined) {
      throw new MediaError('mdat_missing', this.#moof.origin, 'a moof with no mdat behind it');
    }
    this.#moof = located;
  }

  #takeMdat(mdat: LocatedBox, events: ReaderEvent[]): void {
    const prft = this.#prft;
    const moof = this.#moof as LocatedBox;
    this.#moof = undefined;
    this.#prft = undefined;
    for (const fragment of readFragment(moof, mdat, this.#init)) {
      events.push({ kind: 'fragment', fragment: prft === undefined ? fragment : { ...fragment, prft } });
    }
  }
}

function checkSize(type: number, sizeBytes: number, limitBytes: number, origin: number): void {
  if (sizeBytes <= limitBytes) return;
  throw new MediaError('box_limit', origin, `box ${fourCCText(type)} of ${sizeBytes} bytes, more than ${limitBytes}`);
}

import { MediaError } from './media-error.ts';

const TWO_32 = 0x1_0000_0000;

/** Reads big-endian fields between two bounds; a read past the end is a {@link MediaError} `truncated`. */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly end: number;
  /** of the next byte to be read, in `bytes` */
  position: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.position = start;
    this.end = end;
  }

  get left(): number {
    return this.end - this.position;
  }

  u8(): number {
    return this.bytes[this.#advance(1)] as number;
  }

  u16(): number {
    const at = this.#advance(2);
    return ((this.bytes[at] as number) << 8) | (this.bytes[at + 1] as number);
  }

  u24(): number {
    return (this.u16() << 8) | this.u8();
  }

  i32(): number {
    const at = this.#advance(4);
    const bytes = this.bytes;
    return (
      ((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)
    );
  }

  u32(): number {
    return this.i32() >>> 0;
  }

  /**
   * A 64-bit two's complement value. Fields that the standard calls unsigned are read by this too: values above 2⁶³ are times
   * below zero that a writer wrapped, as ffmpeg does with the priming of AAC.
   * @throws MediaError `integer_unsafe` beyond ±2⁵³, where a number is no longer exact
   */
  i64(): number {
    const at = this.position;
    const value = this.i32() * TWO_32 + this.u32();
    if (!Number.isSafeInteger(value)) throw new MediaError('integer_unsafe', at, 'a 64-bit value is beyond 2^53');
    return value;
  }

  /** A view of the next `length` bytes. */
  take(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.bytes.subarray(at, at + length);
  }

  skip(length: number): void {
    this.#advance(length);
  }

  #advance(length: number): number {
    const at = this.position;
    if (at + length > this.end) {
      throw new MediaError('truncated', at, `${length} bytes wanted, ${this.end - at} left`);
    }
    this.position = at + length;
    return at;
  }
}

import { MediaError } from './media-error.ts';

const TWO_32 = 0x1_0000_0000;

/** Writes big-endian fields into one buffer of a size known beforehand. A value that its field cannot hold is a {@link MediaError}. */
export class ByteWriter {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(capacityBytes: number) {
    this.#bytes = new Uint8Array(capacityBytes);
  }

  get position(): number {
    return this.#position;
  }

  u8(value: number): void {
    this.#check(value, 0, 0xff);
    this.#bytes[this.#position] = value;
    this.#position += 1;
  }

  u16(value: number): void {
    this.#check(value, 0, 0xffff);
    this.#bytes[this.#position] = value >>> 8;
    this.#bytes[this.#position + 1] = value;
    this.#position += 2;
  }

  u24(value: number): void {
    this.#check(value, 0, 0xff_ffff);
    this.u8(value >>> 16);
    this.u16(value & 0xffff);
  }

  u32(value: number): void {
    this.#check(value, 0, 0xffff_ffff);
    this.#put32(this.#position, value);
    this.#position += 4;
  }

  i32(value: number): void {
    this.#check(value, -0x8000_0000, 0x7fff_ffff);
    this.#put32(this.#position, value);
    this.#position += 4;
  }

  /** Two's complement, the counterpart of `ByteReader.i64`. */
  i64(value: number): void {
    this.#check(value, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    this.#put32(this.#position, Math.floor(value / TWO_32));
    this.#put32(this.#position + 4, value);
    this.#position += 8;
  }

  put(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#position);
    this.#position += bytes.length;
  }

  zeros(count: number): void {
    this.#position += count;
  }

  /** Each character is one byte. */
  ascii(text: string): void {
    for (let index = 0; index < text.length; index += 1) this.u8(text.charCodeAt(index));
  }

  /** Starts an ISO-BMFF box; {@link close} fills in its size. */
  open(type: string): number {
    const start = this.#position;
    this.zeros(4);
    this.ascii(type);
    return start;
  }

  /** Starts a box with version and flags. */
  openFull(type: string, version: number, flags: number): number {
    const start = this.open(type);
    this.u8(version);
    this.u24(flags);
    return start;
  }

  close(start: number): void {
    const sizeBytes = this.#position - start;
    if (sizeBytes > 0xffff_ffff)
      throw new MediaError('field_range', start, `a box of ${sizeBytes} bytes needs 64 bits`);
    this.#put32(start, sizeBytes);
  }

  /** What was written. */
  done(): Uint8Array {
    if (this.#position > this.#bytes.length) throw new RangeError(`wrote past ${this.#bytes.length} bytes`);
    return this.#bytes.subarray(0, this.#position);
  }

  #put32(at: number, value: number): void {
    this.#bytes[at] = value >>> 24;
    this.#bytes[at + 1] = value >>> 16;
    this.#bytes[at + 2] = value >>> 8;
    this.#bytes[at + 3] = value;
  }

  #check(value: number, lowest: number, highest: number): void {
    if (Number.isInteger(value) && value >= lowest && value <= highest) return;
    throw new MediaError('field_range', this.#position, `${value} does not fit ${lowest}…${highest}`);
  }
}

import { MediaError } from '../media-error.ts';

/** Reads fields of single bits, most significant first. A read past the end is a {@link MediaError} `truncated`. */
export class BitReader {
  readonly #bytes: Uint8Array;
  #bit = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get bitsLeft(): number {
    return this.#bytes.length * 8 - this.#bit;
  }

  /** of the byte that holds the next bit */
  get byteOffset(): number {
    return this.#bit >>> 3;
  }

  /** Up to 32 bits as an unsigned number. */
  bits(count: number): number {
    if (count > this.bitsLeft) {
      throw new MediaError('truncated', this.byteOffset, `${count} bits wanted, ${this.bitsLeft} left`);
    }
    let value = 0;
    for (let done = 0; done < count; done += 1) {
      const byte = this.#bytes[this.#bit >>> 3] as number;
      value = value * 2 + ((byte >>> (7 - (this.#bit & 7))) & 1);
      this.#bit += 1;
    }
    return value;
  }

  flag(): boolean {
    return this.bits(1) === 1;
  }

  /** Unsigned Exp-Golomb code of at most 32 bits (ITU-T H.264 §9.1). @throws MediaError `exp_golomb` when it is longer */
  ue(): number {
    let zeros = 0;
    while (this.bits(1) === 0) {
      zeros += 1;
      if (zeros > 31) throw new MediaError('exp_golomb', this.byteOffset, 'an Exp-Golomb code above 32 bits');
    }
    return 2 ** zeros - 1 + this.bits(zeros);
  }

  /** Signed Exp-Golomb code (§9.1.1). */
  se(): number {
    const code = this.ue();
    return code % 2 === 1 ? (code + 1) / 2 : -code / 2;
  }
}

/** NAL units in both framings. */
import { eachNal, fromAnnexB, toAnnexB } from '../../src/codec/nal.ts';
import type { FuzzTarget } from '../target.ts';

function run(input: Uint8Array): boolean {
  checkAnnexB(input);
  for (const lengthSize of [1, 2]) {
    try {
      toAnnexB(input, lengthSize);
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'MediaError') throw error;
    }
  }
  let end = 0;
  eachNal(input, 4, (_start, unitEnd) => (end = unitEnd));
  if (end !== input.length) throw new Error(`${input.length - end} bytes are in no unit`);
  checkAnnexB(toAnnexB(input, 4));
  return true;
}

/** Whatever bytes are taken for Annex B, what comes out is well-formed and stays as it is. */
function checkAnnexB(bytes: Uint8Array): void {
  const lengths = fromAnnexB(bytes);
  const again = fromAnnexB(toAnnexB(lengths, 4));
  if (Buffer.compare(lengths, again) !== 0) throw new Error('the round trip changed the units');
}

function bytes(digits: string): Uint8Array {
  return new Uint8Array(Buffer.from(digits.replaceAll(' ', ''), 'hex'));
}

export const target: FuzzTarget = {
  name: 'nal',
  files: ['codec/nal.ts'],
  shape: 'bytes',
  // Two of three seeds are valid in one of the two framings.
  parsers: 2,
  seeds: [
    bytes('00000002 0910 00000005 6588000003'),
    bytes('00000001 41'),
    // Annex B that is a length-prefixed unit of one byte as well.
    bytes('00000001 65 00000009 000001 41 00000001 42'),
  ],
  run,
};

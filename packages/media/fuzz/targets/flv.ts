/** FLV tag bodies and the publisher's metadata. These never reject: what cannot be read is passed over. */
import { readMetadata, MAX_METADATA_FIELDS } from '../../src/flv/metadata.ts';
import { readAudioBody, readVideoBody, writeAacFrameBody, writeAacHeaderBody } from '../../src/flv/tag-body.ts';
import type { FuzzTarget } from '../target.ts';

function run(input: Uint8Array): boolean {
  const video = readVideoBody(input);
  if (video.kind === 'frame' && Math.abs(video.compositionMs) > 0x80_0000)
    throw new Error('a composition time of 25 bits');
  const audio = readAudioBody(input);
  if (audio.kind === 'frame' || audio.kind === 'sequence-header') {
    const body = audio.kind === 'frame' ? writeAacFrameBody(audio.data) : writeAacHeaderBody(audio.data);
    if (readAudioBody(body).kind !== audio.kind) throw new Error('the round trip changed the body');
  }
  if (readMetadata(input).size > MAX_METADATA_FIELDS) throw new Error('more fields than the limit');
  return audio.kind !== 'other';
}

function bytes(digits: string): Uint8Array {
  return new Uint8Array(Buffer.from(digits.replaceAll(' ', ''), 'hex'));
}

const ON_METADATA = '02 000a 6f6e4d65746144617461';
const WIDTH = '0005 7769647468 00 4094000000000000';

export const target: FuzzTarget = {
  name: 'flv',
  files: ['flv/metadata.ts', 'flv/tag-body.ts'],
  shape: 'bytes',
  seeds: [
    bytes('17 00 000000 0142c01effe100'),
    bytes('27 01 ffffd6 00000001 41'),
    bytes('17 02 000000'),
    bytes('90 68766331 00 0000'),
    bytes('12 01 000000'),
    bytes('57 00'),
    bytes('af 00 1190'),
    bytes('af 01 2110'),
    bytes(
      `02 000d 40736574446174614672616d65 ${ON_METADATA} 08 00000003 ${WIDTH} 0006 73746572656f 01 01 0001 61 02 0001 62 000009`,
    ),
    bytes(`${ON_METADATA} 03 ${WIDTH} 0001 61 05 0001 62 06 000009`),
    bytes(
      `03 ${Array.from({ length: MAX_METADATA_FIELDS + 2 }, (_, index) => `0002 ${(0x6100 + index).toString(16)} 01 01`).join('')}`,
    ),
  ],
  run,
};

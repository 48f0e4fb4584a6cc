/** FLV tag bodies and the publisher's metadata. These never reject: what cannot be read is passed over. */
import { isDeepStrictEqual } from 'node:util';
import { type AmfValue, writeMetadata, writeVideoBody } from '../../fixtures/flv.ts';
import { MAX_METADATA_FIELDS, readMetadata, type StreamMetadata } from '../../src/flv/metadata.ts';
import {
  type AudioBody,
  readAudioBody,
  readVideoBody,
  type VideoBody,
  writeAacFrameBody,
  writeAacHeaderBody,
} from '../../src/flv/tag-body.ts';
import { MediaError } from '../../src/media-error.ts';
import { hashOf, Random } from '../random.ts';
import type { FuzzTarget } from '../target.ts';

function run(input: Uint8Array): boolean {
  const random = new Random(hashOf(input));
  const isVideo = checkVideo(readVideoBody(input));
  const isAudio = checkAudio(readAudioBody(input));
  return checkMetadata(readMetadata(input), random) || isVideo || isAudio;
}

function checkVideo(video: VideoBody): boolean {
  if (video.kind === 'other') return false;
  if (!isDeepStrictEqual(readVideoBody(writeVideoBody(video)), video))
    throw new Error('the round trip changed the video');
  return true;
}

function checkAudio(audio: AudioBody): boolean {
  if (audio.kind === 'other') return false;
  const body = audio.kind === 'frame' ? writeAacFrameBody(audio.data) : writeAacHeaderBody(audio.data);
  if (!isDeepStrictEqual(readAudioBody(body), audio)) throw new Error('the round trip changed the audio');
  return true;
}

/** @returns whether there was a field, and all could be written: names with broken characters may grow too long */
function checkMetadata(metadata: StreamMetadata, random: Random): boolean {
  if (metadata.size > MAX_METADATA_FIELDS) throw new Error('more fields than the limit');
  if (metadata.size === 0) return false;
  const fields = [...metadata].flatMap((field) => [...passedOver(random), field]);
  let body: Uint8Array;
  try {
    body = writeMetadata(fields, { set: random.below(2) === 0, array: random.below(2) === 0 });
  } catch (error) {
    if (error instanceof MediaError) return false;
    throw error;
  }
  if (!isDeepStrictEqual(readMetadata(body), metadata)) throw new Error('the round trip changed the metadata');
  return true;
}

function passedOver(random: Random): [string, AmfValue][] {
  return random.below(3) === 0 ? [['encoder', random.pick(['', 'Lavf é', null, undefined])]] : [];
}

function bytes(digits: string): Uint8Array {
  return new Uint8Array(Buffer.from(digits.replaceAll(' ', ''), 'hex'));
}

const ON_METADATA = '02 000a 6f6e4d65746144617461';
const WIDTH = '0005 7769647468 00 4094000000000000';

const VIDEO = [
  bytes('17 00 000000 0142c01effe100'),
  bytes('27 01 ffffd6 00000001 41'),
  bytes('17 02 000000'),
  bytes('90 68766331 00 0000'),
  bytes('12 01 000000'),
  bytes('57 00'),
];
const AUDIO = [bytes('af 00 1190'), bytes('af 01 2110')];
const METADATA = [
  // A name that begins with two byte order marks.
  bytes('03 0007 efbbbfefbbbf61 01 01 000009'),
  bytes(
    `02 000d 40736574446174614672616d65 ${ON_METADATA} 08 00000003 ${WIDTH} 0006 73746572656f 01 01 0001 61 02 0001 62 000009`,
  ),
  bytes(`${ON_METADATA} 03 ${WIDTH} 0001 61 05 0001 62 06 000009`),
  bytes(
    `03 ${Array.from({ length: MAX_METADATA_FIELDS + 2 }, (_, index) => `0002 ${(0x6100 + index).toString(16)} 01 01`).join('')}`,
  ),
];
const PARSERS = [VIDEO, AUDIO, METADATA];

/** Each parser's as often as another's, however many it has. */
function inEqualShares(lists: readonly (readonly Uint8Array[])[]): Uint8Array[] {
  const longest = Math.max(...lists.map(({ length }) => length));
  return lists.flatMap((list) =>
    Array.from({ length: longest }, (_, index) => list[index % list.length] as Uint8Array),
  );
}

export const target: FuzzTarget = {
  name: 'flv',
  files: ['flv/metadata.ts', 'flv/tag-body.ts'],
  shape: 'bytes',
  parsers: PARSERS.length,
  seeds: inEqualShares(PARSERS),
  run,
};

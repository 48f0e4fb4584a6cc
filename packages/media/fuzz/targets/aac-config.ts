/** AudioSpecificConfigs, rewritten in another of their forms, and the ADTS header that goes with each. */
import { isDeepStrictEqual } from 'node:util';
import { writeAsc } from '../../fixtures/asc.ts';
import {
  type AacConfig,
  aacCodecString,
  ADTS_HEADER_BYTES,
  parseAudioSpecificConfig,
  writeAdtsHeader,
  writeAudioSpecificConfig,
} from '../../src/codec/aac.ts';
import { BitReader } from '../../src/codec/bit-reader.ts';
import { MediaError } from '../../src/media-error.ts';
import { ascSaying } from '../asc-saying.ts';
import { hashOf, Random } from '../random.ts';
import { mustRead } from '../must-read.ts';
import type { FuzzTarget } from '../target.ts';

function run(input: Uint8Array): boolean {
  const config = parseAudioSpecificConfig(input);
  const { channels, sampleRate } = config;
  if (channels < 1 || sampleRate < 1 || !/^mp4a\.40\.\d+$/.test(aacCodecString(config))) {
    throw new Error(`${channels} channels at ${sampleRate}, ${aacCodecString(config)}`);
  }
  checkRewritten(config, hashOf(input));
  checkAdts(config, input.length);
  return checkWritten({ channels, sampleRate });
}

/** The same said in another way that there is to say it. */
function checkRewritten({ asc: _asc, ...said }: AacConfig, seed: number): void {
  const fields = ascSaying(said, new Random(seed));
  const { asc: _again, ...back } = mustRead(() => parseAudioSpecificConfig(writeAsc(fields)));
  if (isDeepStrictEqual(back, said)) return;
  throw new Error(`${JSON.stringify(said)} became ${JSON.stringify(back)} by ${JSON.stringify(fields)}`);
}

/** @returns whether our own writer, of AAC-LC alone, has a configuration for so many channels */
function checkWritten(source: { channels: number; sampleRate: number }): boolean {
  const record = unlessRefused(() => writeAudioSpecificConfig(source));
  if (record === undefined) return false;
  const { channels, sampleRate } = mustRead(() => parseAudioSpecificConfig(record));
  if (!isDeepStrictEqual({ channels, sampleRate }, source)) throw new Error('the round trip changed it');
  return true;
}

/** ADTS has no room for every configuration. What it does say is read back (ISO/IEC 14496-3 §1.A.2.2). */
function checkAdts(config: AacConfig, frameBytes: number): void {
  const header = new Uint8Array(ADTS_HEADER_BYTES);
  const write = (): Uint8Array => {
    writeAdtsHeader(config, frameBytes, header, 0);
    return header;
  };
  if (unlessRefused(write) === undefined) return;
  const reader = new BitReader(header);
  const read = [12, 1, 2, 1, 2, 4, 1, 3, 4, 13, 11, 2].map((bits) => reader.bits(bits));
  const [, , , , profile, , , channelConfig, , length] = read;
  const said = [config.coreObjectType - 1, config.channelConfig, frameBytes + ADTS_HEADER_BYTES];
  if (!isDeepStrictEqual([profile, channelConfig, length], said)) throw new Error(`ADTS of ${read.join()}`);
}

function unlessRefused(write: () => Uint8Array): Uint8Array | undefined {
  try {
    return write();
  } catch (error) {
    if (error instanceof MediaError) return undefined;
    throw error;
  }
}

function asc(digits: string): Uint8Array {
  return new Uint8Array(Buffer.from(digits, 'hex'));
}

export const target: FuzzTarget = {
  name: 'aac-config',
  files: ['codec/aac.ts'],
  shape: 'bytes',
  seeds: [
    asc('1190'),
    // As ffmpeg writes it: SBR is spoken of, and is not there.
    asc('119056e500'),
    // SBR and parametric stereo at the end.
    asc('130856e59d4880'),
    // HE-AAC and HE-AAC v2 in the open.
    asc('2b118800'),
    asc('eb098800'),
    // A rate of its own: 12,345 Hz.
    asc('17801c9c90'),
    // A program config element with mixdowns.
    asc('1180040848080000200420'),
    writeAudioSpecificConfig({ sampleRate: 44_100, channels: 6 }),
  ],
  run,
};

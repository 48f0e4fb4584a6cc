/** AudioSpecificConfigs, and the ADTS header that goes with each. */
import {
  aacCodecString,
  ADTS_HEADER_BYTES,
  parseAudioSpecificConfig,
  writeAdtsHeader,
  writeAudioSpecificConfig,
} from '../../src/codec/aac.ts';
import { MediaError } from '../../src/media-error.ts';
import type { FuzzTarget } from '../target.ts';

function run(input: Uint8Array): boolean {
  const config = parseAudioSpecificConfig(input);
  const { channels, sampleRate } = config;
  if (channels < 1 || sampleRate < 1 || !/^mp4a\.40\.\d+$/.test(aacCodecString(config))) {
    throw new Error(`${channels} channels at ${sampleRate}, ${aacCodecString(config)}`);
  }
  const header = new Uint8Array(ADTS_HEADER_BYTES);
  try {
    writeAdtsHeader(config, input.length, header, 0);
    const again = parseAudioSpecificConfig(writeAudioSpecificConfig({ channels, sampleRate }));
    if (again.channels !== channels || again.sampleRate !== sampleRate) throw new Error('the round trip changed it');
  } catch (error) {
    // ADTS has no room for every configuration, and not every count of channels has a configuration.
    if (error instanceof MediaError) return false;
    throw error;
  }
  return true;
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

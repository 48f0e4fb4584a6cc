/** CMAF headers. */
import { isDeepStrictEqual } from 'node:util';
import { parseAudioSpecificConfig } from '../../src/codec/aac.ts';
import { parseAvcConfig } from '../../src/codec/avc.ts';
import { MediaError } from '../../src/media-error.ts';
import { writeAacSampleEntry, writeAvcSampleEntry } from '../../src/mp4/box-stsd.ts';
import { parseInit, writeInit, type TrackInit } from '../../src/mp4/init.ts';
import { mustRead } from '../must-read.ts';
import type { FuzzTarget } from '../target.ts';

function run(input: Uint8Array): boolean {
  const { defaults: _defaults, editShiftTicks: _shift, ...first } = parseInit(input);
  const header = tryWrite(() => writeInit(first));
  if (header === undefined) return false;
  const { defaults: _none, ...second } = mustRead(() => parseInit(header));
  if (!isDeepStrictEqual(second, first)) throw new Error('the round trip changed the header');
  checkEntry(first);
  return true;
}

/** The sample entry can be made anew from its configuration. */
function checkEntry({ avc, aac, width = 0, height = 0 }: TrackInit): void {
  if (avc !== undefined) writeAvcSampleEntry(avc, width, height);
  if (aac !== undefined && aac.channels > 0) tryWrite(() => writeAacSampleEntry(aac));
}

/** A header may name a track 2^32 - 1, which has no next. */
function tryWrite(write: () => Uint8Array): Uint8Array | undefined {
  try {
    return write();
  } catch (error) {
    if (error instanceof MediaError) return undefined;
    throw error;
  }
}

const AVC = parseAvcConfig(
  Uint8Array.of(1, 0x42, 0xc0, 30, 0xff, 0xe1, 0, 4, 0x67, 0x42, 0xc0, 30, 1, 0, 2, 0x68, 0xce),
);
const AAC = parseAudioSpecificConfig(Uint8Array.of(0x11, 0x90));

const VIDEO: TrackInit = {
  trackId: 1,
  timescale: 90_000,
  kind: 'video',
  codec: 'avc1.42c01e',
  width: 64,
  height: 48,
  sampleEntry: writeAvcSampleEntry(AVC, 64, 48),
};
const AUDIO: TrackInit = {
  trackId: 2,
  timescale: 48_000,
  kind: 'audio',
  codec: 'mp4a.40.2',
  language: 'deu',
  sampleEntry: writeAacSampleEntry(AAC),
};

/** H.264 with its parameter sets in the samples. */
function withAvc3(header: Uint8Array): Uint8Array {
  const copy = Buffer.from(header);
  copy.write('avc3', copy.indexOf('avc1'));
  return new Uint8Array(copy);
}

export const target: FuzzTarget = {
  name: 'init',
  files: ['mp4/init.ts', 'mp4/box.ts', 'mp4/box-moov.ts', 'mp4/box-stbl.ts', 'mp4/box-stsd.ts'],
  shape: 'boxes',
  seeds: [writeInit(VIDEO), writeInit(AUDIO), withAvc3(writeInit(VIDEO))],
  run,
};

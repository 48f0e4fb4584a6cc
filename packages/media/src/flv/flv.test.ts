import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { MAX_METADATA_FIELDS, readMetadata } from './metadata.ts';
import { MAX_TAG_BODY_BYTES, flvHeader, flvTag } from './tag.ts';
import { readAudioBody, readVideoBody, writeAacFrameBody, writeAacHeaderBody } from './tag-body.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

test('writes the header as the specification draws it', () => {
  assert.equal(toHex(flvHeader({ audio: true, video: true })), '464c5601050000000900000000');
  assert.equal(toHex(flvHeader({ audio: false, video: true })), '464c5601010000000900000000');
});

test('writes tags with the split timestamp and the size behind', () => {
  assert.equal(toHex(flvTag('video', 0x01_02_03_04, hex('1701'))), '090000020203040100000017010000000d');
  assert.equal(toHex(flvTag('audio', 0xff_ff_ff_ff, hex('af'))), '08000001ffffffff000000af0000000c');
});

test('refuses what does not fit the fields', () => {
  assertMediaError(() => flvTag('video', 2 ** 32, hex('17')), 'field_range');
  assertMediaError(() => flvTag('video', -1, hex('17')), 'field_range');
  assertMediaError(() => flvTag('video', 0.5, hex('17')), 'field_range');
  assertMediaError(() => flvTag('video', 0, new Uint8Array(MAX_TAG_BODY_BYTES + 1)), 'field_range');
});

test('tells frames from headers', () => {
  assert.deepEqual(readVideoBody(hex('17 01 00 00 42 aa')), {
    kind: 'frame',
    keyframe: true,
    compositionMs: 66,
    data: hex('aa'),
  });
  assert.deepEqual(readVideoBody(hex('27 01 ff ff fe')), {
    kind: 'frame',
    keyframe: false,
    compositionMs: -2,
    data: hex(''),
  });
  assert.deepEqual(readVideoBody(hex('17 00 00 00 00 01')), { kind: 'sequence-header', data: hex('01') });
  assert.deepEqual(readVideoBody(hex('17 02 00 00 00')), { kind: 'end' });
  assert.deepEqual(readAudioBody(hex('af 00 12 10')), { kind: 'sequence-header', data: hex('1210') });
  assert.deepEqual(readAudioBody(writeAacFrameBody(hex('2110'))), { kind: 'frame', data: hex('2110') });
  assert.deepEqual(readAudioBody(writeAacHeaderBody(hex('1190'))), { kind: 'sequence-header', data: hex('1190') });
});

test('names codecs that are not ours, in the old form and in the enhanced one', () => {
  const cases: [body: string, codec: string][] = [
    ['12 01 00 00 00', '2'],
    ['1c 00 00 00 00 01', '12'],
    ['12 01', '2'],
    ['90 68766331 01', 'hvc1'],
    ['a1 61766331 000000', 'avc1'],
    ['97 0100 0aff', '????'],
  ];
  for (const [body, codec] of cases) assert.deepEqual(readVideoBody(hex(body)), { kind: 'foreign', codec }, body);
});

test('a command to the player is neither a frame nor a codec', () => {
  for (const body of ['57 00', '57 01', '52 00', 'd4 68766331 02', 'd0 00'])
    assert.deepEqual(readVideoBody(hex(body)), { kind: 'command' }, body);
});

test('calls short bodies other, and sound other than AAC', () => {
  for (const body of ['', '17', '17010000', '17 03 00 00 00', '90 687663']) {
    assert.deepEqual(readVideoBody(hex(body)), { kind: 'other' }, body);
  }
  for (const body of ['', 'af', '2f 01', 'af 02']) assert.deepEqual(readAudioBody(hex(body)), { kind: 'other' }, body);
});

const METADATA = hex(
  '02 000d 40736574446174614672616d65 02 000a 6f6e4d65746144617461 08 00000003' +
    '0009 6672616d6572617465 00 403e000000000000 0007 656e636f646572 02 0003 6f6273 0006 73746572656f 01 01 0000 09',
);

test('reads the numbers and flags of onMetaData', () => {
  assert.deepEqual(
    [...readMetadata(METADATA)],
    [
      ['framerate', 30],
      ['stereo', true],
    ],
  );
});

test('a name is every byte of it, a byte order mark too', () => {
  const metadata = readMetadata(hex('03 0003 efbbbf 01 01 0004 efbbbf61 01 00 000009'));
  assert.deepEqual(
    [...metadata],
    [
      ['\ufeff', true],
      ['\ufeffa', false],
    ],
  );
});

test('reads metadata cut or altered anywhere without a failure', () => {
  for (let length = 0; length < METADATA.length; length += 1) {
    assert.ok(readMetadata(METADATA.subarray(0, length)).size <= 2);
    const altered = Uint8Array.from(METADATA);
    altered[length] = (altered[length] as number) ^ 0xff;
    assert.ok(readMetadata(altered).size <= 3);
  }
});

test('stops at the limit of fields', () => {
  const field = (index: number): Uint8Array => {
    const name = `f${String(index).padStart(4, '0')}`;
    return Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([1, 1])]);
  };
  const fields = Array.from({ length: MAX_METADATA_FIELDS + 1 }, (_, index) => field(index));
  const body = Buffer.concat([Buffer.from([3]), ...fields, Buffer.from([0, 0, 9])]);
  assert.equal(readMetadata(body).size, MAX_METADATA_FIELDS);
});

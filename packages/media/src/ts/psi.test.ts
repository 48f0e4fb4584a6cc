import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from './crc32.ts';
import { programAssociationPacket, programMapPacket, STREAM_TYPE_AAC_ADTS, STREAM_TYPE_H264 } from './psi.ts';

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

test('the association table is one packet that names the map', () => {
  const packet = programAssociationPacket();
  assert.equal(packet.length, 188);
  // The CRC is what every transport stream of one program with its map at 0x1000 carries.
  assert.equal(hex(packet.subarray(0, 21)), '474000100000b00d0001c100000001f0002ab104b2');
  assert.ok(packet.subarray(21).every((byte) => byte === 0xff));
});

test('the map lists the streams and the PID of the clock', () => {
  const streams = [
    { pid: 0x100, streamType: STREAM_TYPE_H264 },
    { pid: 0x101, streamType: STREAM_TYPE_AAC_ADTS },
  ];
  const packet = programMapPacket(streams, 0x100);
  const section = packet.subarray(5, 5 + 3 + 0x17);
  assert.equal(hex(packet.subarray(0, 5)), '4750001000');
  assert.equal(hex(section.subarray(0, -4)), '02b0170001c10000e100f0001be100f0000fe101f000');
  assert.equal(crc32(section), 0);
  assert.ok(packet.subarray(5 + section.length).every((byte) => byte === 0xff));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPackets } from '../../fixtures/transport.ts';
import { PACKET_BYTES, packetsFor, spreadOverPackets, type PacketRun } from './packet.ts';

const RUNS: readonly PacketRun[] = [
  { pid: 0x1fff, randomAccess: false, pcrTicks: undefined },
  { pid: 0x100, randomAccess: true, pcrTicks: undefined },
  { pid: 0x101, randomAccess: false, pcrTicks: 2 ** 33 - 1 },
  { pid: 0x102, randomAccess: true, pcrTicks: 2 ** 33 + 12_345 },
];

test('every size is spread over every count of packets and read back whole', () => {
  for (const run of RUNS) {
    for (let bytes = 20; bytes < 620; bytes++) {
      const least = packetsFor(run, bytes);
      const pes = Uint8Array.from({ length: bytes }, (_, index) => index % 251);
      for (const packets of [least, least + 1, Math.min(least + 15, bytes)]) {
        const region = new Uint8Array(packets * PACKET_BYTES);
        region.set(pes, region.length - bytes);
        spreadOverPackets(region, bytes, run, 9);
        const read = readPackets(region);
        assert.deepEqual(Buffer.concat(read.map((packet) => packet.payload)), Buffer.from(pes));
        assert.deepEqual(
          read.map((packet) => packet.continuity),
          Array.from({ length: packets }, (_, index) => (9 + index) % 16),
        );
        assert.ok(read.every((packet, index) => packet.start === (index === 0) && packet.pid === run.pid));
        assert.ok(read.every((packet, index) => packet.randomAccess === (index === 0 && run.randomAccess)));
        assert.equal(read[0]?.pcr, run.pcrTicks === undefined ? undefined : run.pcrTicks % 2 ** 33);
      }
    }
  }
});

test('the fewest packets are the fewest: one byte more needs one more', () => {
  for (const [run, first] of [
    [RUNS[0], 184],
    [RUNS[1], 182],
    [RUNS[2], 176],
    [RUNS[3], 176],
  ] as const) {
    assert.ok(run !== undefined);
    assert.deepEqual(
      [1, first, first + 1, first + 184, first + 185].map((bytes) => packetsFor(run, bytes)),
      [1, 1, 2, 2, 3],
    );
  }
});

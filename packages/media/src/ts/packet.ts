/** Transport packets (ISO/IEC 13818-1 §2.4.3.2) with their adaptation fields (§2.4.3.4). */

import { wrapClock } from './clock.ts';

export const PACKET_BYTES = 188;
const HEADER_BYTES = 4;
export const PAYLOAD_BYTES = PACKET_BYTES - HEADER_BYTES;
/** length, flags and the clock reference */
export const PCR_FIELD_BYTES = 8;
/** length and flags */
const FLAGS_FIELD_BYTES = 2;
const SYNC_BYTE = 0x47;
const PAYLOAD_START = 0x40;
const HAS_PAYLOAD = 0x10;
const HAS_ADAPTATION = 0x20;
const FLAG_RANDOM_ACCESS = 0x40;
const FLAG_PCR = 0x10;
const STUFFING = 0xff;

/** What the packets of one PES packet carry beside its bytes. */
export interface PacketRun {
  readonly pid: number;
  /** a decoder can start here: random_access_indicator */
  readonly randomAccess: boolean;
  /** the clock reference in ticks of 90 kHz, not wrapped, for the first packet */
  readonly pcrTicks: number | undefined;
}

/** The fewest packets that hold a PES packet of so many bytes. */
export function packetsFor(run: PacketRun, pesBytes: number): number {
  const first = firstCapacity(run);
  return pesBytes <= first ? 1 : 1 + Math.ceil((pesBytes - first) / PAYLOAD_BYTES);
}

/**
 * Spreads a PES packet, which stands at the very end of `region`, over all packets of `region`, in place. Each packet takes
 * what it can while a byte is left for each one behind it, so a region of more packets than needed ends in packets of
 * one byte. A packet's payload moves towards the front by what the packets behind it add, so nothing unread is overwritten.
 *
 * @param region whole packets; at least {@link packetsFor}, at most as many as the PES packet has bytes
 * @param continuity the counter of the first packet
 */
export function spreadOverPackets(region: Uint8Array, pesBytes: number, run: PacketRun, continuity: number): void {
  const packets = region.length / PACKET_BYTES;
  let source = region.length - pesBytes;
  for (let index = 0; index < packets; index++) {
    const packetsBehind = packets - 1 - index;
    const capacity = index === 0 ? firstCapacity(run) : PAYLOAD_BYTES;
    const payload = Math.min(capacity, region.length - source - packetsBehind);
    const at = index * PACKET_BYTES;
    const end = at + PACKET_BYTES;
    region.copyWithin(end - payload, source, source + payload);
    source += payload;
    region[at] = SYNC_BYTE;
    region[at + 1] = (index === 0 ? PAYLOAD_START : 0) | (run.pid >> 8);
    region[at + 2] = run.pid & 0xff;
    region[at + 3] =
      (payload < PAYLOAD_BYTES ? HAS_PAYLOAD | HAS_ADAPTATION : HAS_PAYLOAD) | ((continuity + index) & 15);
    if (payload < PAYLOAD_BYTES) {
      writeAdaptationField(region.subarray(at + HEADER_BYTES, end - payload), index === 0 ? run : undefined);
    }
  }
}

/**
 * Writes a packet that carries the clock reference of `run` alone. It has no payload, so it does not count.
 * @param continuity the counter of the PID's packet before it (§2.4.3.3)
 */
export function writeClockPacket(packet: Uint8Array, run: PacketRun, continuity: number): void {
  packet[0] = SYNC_BYTE;
  packet[1] = run.pid >> 8;
  packet[2] = run.pid & 0xff;
  packet[3] = HAS_ADAPTATION | (continuity & 15);
  writeAdaptationField(packet.subarray(HEADER_BYTES, PACKET_BYTES), run);
}

function firstCapacity(run: PacketRun): number {
  if (run.pcrTicks !== undefined) return PAYLOAD_BYTES - PCR_FIELD_BYTES;
  return run.randomAccess ? PAYLOAD_BYTES - FLAGS_FIELD_BYTES : PAYLOAD_BYTES;
}

/** Fills `field` whole: its length byte, flags and clock reference where there are any, then stuffing (§2.4.3.5). */
function writeAdaptationField(field: Uint8Array, run: PacketRun | undefined): void {
  field[0] = field.length - 1;
  if (field.length === 1) return;
  field.fill(STUFFING, FLAGS_FIELD_BYTES);
  field[1] = run?.randomAccess === true ? FLAG_RANDOM_ACCESS : 0;
  if (run?.pcrTicks === undefined) return;
  field[1] |= FLAG_PCR;
  writePcr(field, FLAGS_FIELD_BYTES, run.pcrTicks);
}

/** 33 bits of 90 kHz, six reserved bits, and the 27 MHz extension, which is 0 here (§2.4.3.5). */
function writePcr(target: Uint8Array, at: number, ticks: number): void {
  const base = wrapClock(ticks);
  const low = base % 2 ** 25;
  target[at] = Math.floor(base / 2 ** 25);
  target[at + 1] = low >> 17;
  target[at + 2] = low >> 9;
  target[at + 3] = low >> 1;
  target[at + 4] = ((low & 1) << 7) | 0x7e;
  target[at + 5] = 0;
}

/**
 * MPEG-TS segments from CMAF segments, in one pass: everything is sized first, one buffer is allocated, each byte is copied in
 * place.
 *
 * Muxing keeps no state, so any node can make any segment: each PID has a multiple of 16 packets in every segment, so
 * continuity counters begin at 0 in each, and segments still join without a break (ISO/IEC 13818-1 §2.4.3.3). Decode
 * times and clock references follow from the media's own times alone.
 */

import { MediaError } from '../media-error.ts';
import { parseFragments } from '../mp4/fragment.ts';
import type { TrackInit } from '../mp4/init.ts';
import type { Sample } from '../mp4/sample.ts';
import { audioPes } from './audio-pes.ts';
import { bridgeTimes } from './clock-references.ts';
import { packetsFor, PACKET_BYTES, spreadOverPackets, writeClockPacket } from './packet.ts';
import type { PacketRun } from './packet.ts';
import { pesBytes, writePes } from './pes.ts';
import type { Pes, PesRun } from './pes.ts';
import { programAssociationPacket, programMapPacket, STREAM_TYPE_AAC_ADTS, STREAM_TYPE_H264 } from './psi.ts';
import { videoPes } from './video-pes.ts';

/** A CMAF segment, moof + mdat and again, with its track's header. */
export interface TsInput {
  readonly init: TrackInit;
  readonly segment: Uint8Array;
}

/** The largest TS segment that is made. */
export const MAX_TS_SEGMENT_BYTES = 64 * 1024 * 1024;

const VIDEO_PID = 0x100;
const AUDIO_PID = 0x101;
/** A continuity counter has four bits (§2.4.3.3). */
export const CONTINUITY_PERIOD = 16;
/** The clock runs this far behind decoding: how long a receiver buffers. */
const PCR_LEAD_TICKS = 9_000;

/** A PES packet with its place in the output, or a clock reference alone. */
interface Placed {
  readonly pes: Pes | undefined;
  readonly dtsTicks: number;
  readonly run: PacketRun;
  packets: number;
}

/**
 * One TS segment of video, of audio, or of both. H.264 and AAC.
 * @throws MediaError for what {@link parseFragments} cannot read, for other codecs, for a segment without samples of the track
 *   that carries the clock (video, else audio), and above {@link MAX_TS_SEGMENT_BYTES}
 */
export function muxSegment({ video, audio }: { video?: TsInput | undefined; audio?: TsInput | undefined }): Uint8Array {
  const pcrPid = video === undefined ? AUDIO_PID : VIDEO_PID;
  const streams = [];
  if (video !== undefined) streams.push({ pid: VIDEO_PID, streamType: STREAM_TYPE_H264 });
  if (audio !== undefined) streams.push({ pid: AUDIO_PID, streamType: STREAM_TYPE_AAC_ADTS });
  const videoRun = video === undefined ? undefined : videoUnits(video);
  const audioRun = audio === undefined ? undefined : audioUnits(audio, pcrPid);
  const clock = videoRun ?? audioRun;
  if (clock === undefined || clock.units.length === 0) {
    throw new MediaError('samples_missing', 0, 'the track that carries the clock has no samples');
  }
  const placed = [...placeUnits(clock.units, pcrPid), ...placeClock(clock, pcrPid)];
  if (clock !== audioRun && audioRun !== undefined) placed.push(...placeUnits(audioRun.units, pcrPid));
  placed.sort((a, b) => a.dtsTicks - b.dtsTicks);
  for (const pid of [VIDEO_PID, AUDIO_PID]) padToPeriod(placed, pid);
  return write(placed, [programAssociationPacket(), programMapPacket(streams, pcrPid)]);
}

function videoUnits({ init, segment }: TsInput): PesRun {
  if (init.avc === undefined) throw new MediaError('codec_unsupported', 0, `no video of codec ${init.codec} in TS`);
  const track = { pid: VIDEO_PID, timescale: init.timescale, config: init.avc };
  return videoPes(samplesOf({ init, segment }), track);
}

function audioUnits({ init, segment }: TsInput, pcrPid: number): PesRun {
  if (init.aac === undefined) throw new MediaError('codec_unsupported', 0, `no audio of codec ${init.codec} in TS`);
  const carriesClock = pcrPid === AUDIO_PID;
  const track = { pid: AUDIO_PID, timescale: init.timescale, config: init.aac, carriesClock };
  return audioPes(samplesOf({ init, segment }), track);
}

function samplesOf({ init, segment }: TsInput): Sample[] {
  return parseFragments(segment, init).flatMap((fragment) => fragment.samples);
}

/** Settles how many packets each has. */
function placeUnits(units: readonly Pes[], pcrPid: number): Placed[] {
  return units.map((pes) => {
    const { pid, randomAccess, dtsTicks } = pes;
    const run = { pid, randomAccess, pcrTicks: pid === pcrPid ? dtsTicks - PCR_LEAD_TICKS : undefined };
    return { pes, dtsTicks, run, packets: packetsFor(run, pesBytes(pes)) };
  });
}

/** Clock references for where the units that carry the clock are too far apart. */
function placeClock({ units, endTicks }: PesRun, pid: number): Placed[] {
  const placed: Placed[] = [];
  const unitTicks = units.map((pes) => pes.dtsTicks);
  for (const dtsTicks of bridgeTimes(unitTicks, endTicks)) {
    checkSize(placed.length + 1);
    placed.push({
      pes: undefined,
      dtsTicks,
      run: { pid, randomAccess: false, pcrTicks: dtsTicks - PCR_LEAD_TICKS },
      packets: 1,
    });
  }
  return placed;
}

/** @throws MediaError `ts_size` */
function checkSize(packets: number): void {
  const bytes = packets * PACKET_BYTES;
  if (bytes > MAX_TS_SEGMENT_BYTES) throw new MediaError('ts_size', 0, `a TS segment of ${bytes} bytes`);
}

/** Spreads the last PES packet of a PID over more packets, until the PID has a multiple of 16. */
function padToPeriod(placed: readonly Placed[], pid: number): void {
  let packets = 0;
  let last: Placed | undefined;
  for (const unit of placed) {
    if (unit.pes?.pid !== pid) continue;
    packets += unit.packets;
    last = unit;
  }
  if (last !== undefined) last.packets += (CONTINUITY_PERIOD - (packets % CONTINUITY_PERIOD)) % CONTINUITY_PERIOD;
}

/** @param tables packets to repeat 16 times each, spread evenly so that a receiver that joins late soon finds them */
function write(placed: readonly Placed[], tables: readonly Uint8Array[]): Uint8Array {
  let packets = tables.length * CONTINUITY_PERIOD;
  for (const unit of placed) packets += unit.packets;
  checkSize(packets);
  const out = new Uint8Array(packets * PACKET_BYTES);
  const continuity = new Map<number, number>();
  let tablesWritten = 0;
  let at = 0;
  for (const [index, unit] of placed.entries()) {
    for (; tablesWritten * placed.length < (index + 1) * CONTINUITY_PERIOD; tablesWritten++) {
      at = writeTables(out, at, tables, tablesWritten);
    }
    at = writeUnit(out, at, unit, continuity);
  }
  return out;
}

function writeTables(out: Uint8Array, at: number, tables: readonly Uint8Array[], continuity: number): number {
  for (const packet of tables) {
    out.set(packet, at);
    out[at + 3] = (packet[3] as number) | continuity;
    at += PACKET_BYTES;
  }
  return at;
}

function writeUnit(
  out: Uint8Array,
  at: number,
  { pes, run, packets }: Placed,
  continuity: Map<number, number>,
): number {
  const end = at + packets * PACKET_BYTES;
  const region = out.subarray(at, end);
  const first = continuity.get(run.pid) ?? 0;
  if (pes === undefined) {
    writeClockPacket(region, run, first - 1);
    return end;
  }
  const bytes = pesBytes(pes);
  writePes(pes, region, region.length - bytes);
  spreadOverPackets(region, bytes, run, first);
  continuity.set(run.pid, first + packets);
  return end;
}

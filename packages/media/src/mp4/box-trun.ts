/** trun: duration, size, flags and composition offset of each sample of a run (ISO/IEC 14496-12 §8.8.8). */
import type { ByteWriter } from '../byte-writer.ts';
import { MediaError } from '../media-error.ts';
import { fourCC, openFullBox, type Box } from './box.ts';

export const TRUN = fourCC('trun');

export const TRUN_DATA_OFFSET = 0x1;
export const TRUN_FIRST_SAMPLE_FLAGS = 0x4;
export const TRUN_DURATION = 0x100;
export const TRUN_SIZE = 0x200;
export const TRUN_SAMPLE_FLAGS = 0x400;
export const TRUN_COMPOSITION = 0x800;

/** What a run's samples have where the run says nothing of its own. */
export interface RunDefaults {
  readonly durationTicks: number;
  readonly sizeBytes: number;
  readonly sampleFlags: number;
}

export interface RunEntry {
  readonly durationTicks: number;
  readonly sizeBytes: number;
  readonly sampleFlags: number;
  /** presentation minus decode time; below zero only in version 1 */
  readonly compositionTicks: number;
}

export interface TrackRun {
  readonly version: number;
  readonly flags: number;
  /** from the base of the track fragment; undefined: straight after the run before */
  readonly dataOffset: number | undefined;
  readonly entries: RunEntry[];
}

/**
 * Reads a run with the defaults filled in.
 * @throws MediaError `sample_count` above `sampleLimit`, checked before anything is allocated: with every field defaulted, a run of
 * 4 billion samples takes 16 bytes
 */
export function parseTrackRun(bytes: Uint8Array, box: Box, defaults: RunDefaults, sampleLimit: number): TrackRun {
  const { version, flags, reader } = openFullBox(bytes, box, 1);
  const count = reader.u32();
  if (count > sampleLimit) {
    throw new MediaError('sample_count', reader.position - 4, `${count} samples where ${sampleLimit} can be`);
  }
  const dataOffset = (flags & TRUN_DATA_OFFSET) === 0 ? undefined : reader.i32();
  let flagsIfFirst = (flags & TRUN_FIRST_SAMPLE_FLAGS) === 0 ? defaults.sampleFlags : reader.u32();
  const entries: RunEntry[] = [];
  for (let index = 0; index < count; index += 1) {
    const durationTicks = (flags & TRUN_DURATION) === 0 ? defaults.durationTicks : reader.u32();
    const sizeBytes = (flags & TRUN_SIZE) === 0 ? defaults.sizeBytes : reader.u32();
    const sampleFlags = (flags & TRUN_SAMPLE_FLAGS) === 0 ? flagsIfFirst : reader.u32();
    let compositionTicks = 0;
    if ((flags & TRUN_COMPOSITION) !== 0) compositionTicks = version === 0 ? reader.u32() : reader.i32();
    entries.push({ durationTicks, sizeBytes, sampleFlags, compositionTicks });
    flagsIfFirst = defaults.sampleFlags;
  }
  return { version, flags, dataOffset, entries };
}

/** Size of what {@link writeTrackRun} writes. */
export function trackRunBytes(flags: number, sampleCount: number): number {
  let head = 16;
  if ((flags & TRUN_DATA_OFFSET) !== 0) head += 4;
  if ((flags & TRUN_FIRST_SAMPLE_FLAGS) !== 0) head += 4;
  let perSample = 0;
  for (const flag of [TRUN_DURATION, TRUN_SIZE, TRUN_SAMPLE_FLAGS, TRUN_COMPOSITION]) {
    if ((flags & flag) !== 0) perSample += 4;
  }
  return head + perSample * sampleCount;
}

/** Writes the fields that `run.flags` names. */
export function writeTrackRun(writer: ByteWriter, run: TrackRun): void {
  const { version, flags, entries } = run;
  const start = writer.openFull('trun', version, flags);
  writer.u32(entries.length);
  if ((flags & TRUN_DATA_OFFSET) !== 0) writer.i32(run.dataOffset ?? 0);
  if ((flags & TRUN_FIRST_SAMPLE_FLAGS) !== 0) writer.u32(entries[0]?.sampleFlags ?? 0);
  for (const entry of entries) {
    if ((flags & TRUN_DURATION) !== 0) writer.u32(entry.durationTicks);
    if ((flags & TRUN_SIZE) !== 0) writer.u32(entry.sizeBytes);
    if ((flags & TRUN_SAMPLE_FLAGS) !== 0) writer.u32(entry.sampleFlags);
    if ((flags & TRUN_COMPOSITION) === 0) continue;
    if (version === 0) writer.u32(entry.compositionTicks);
    else writer.i32(entry.compositionTicks);
  }
  writer.close(start);
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeSps } from '../../fixtures/sps.ts';
import { Random } from '../../fuzz/random.ts';
import { spsSaying } from '../../fuzz/sps-saying.ts';
import type { AvcSps } from '../codec/avc-sps.ts';
import type { AvcConfig } from '../codec/avc.ts';
import { MediaError } from '../media-error.ts';
import type { Sample } from '../mp4/sample.ts';
import type { Pes, PesRun } from './pes.ts';
import { videoPes } from './video-pes.ts';

// 640 × 360 High as libx264 writes it with `-bf 0`.
const SPS_IN_ORDER = Buffer.from('6764001eacb405017fcb8088000003000800000301e078b175', 'hex');
const SPS_REORDERED = reordered({ frameRate: [30_000, 1001] });
const PPS = Uint8Array.of(0x68, 0xeb, 0xe3, 0xcb);
const AUD = '0000000109f0';
const START = '00000001';

function config(change: Partial<AvcConfig> = {}): AvcConfig {
  return { profile: 100, compatibility: 0, level: 30, lengthSize: 4, sps: [SPS_IN_ORDER], pps: [PPS], ...change };
}

function reordered(timing: Pick<AvcSps, 'frameRate' | 'clockRate'> = {}): Uint8Array {
  const said = { profile: 100, compatibility: 0, level: 30, width: 640, height: 360, reorderFrames: 2 };
  return writeSps(spsSaying({ ...said, ...timing }, new Random(1)));
}

function nals(lengthSize: number, ...units: readonly (readonly number[])[]): Uint8Array {
  return Buffer.concat(
    units.map((unit) => {
      const length = Buffer.alloc(lengthSize);
      length.writeUIntBE(unit.length, 0, lengthSize);
      return Buffer.concat([length, Uint8Array.from(unit)]);
    }),
  );
}

function sample(data: Uint8Array, change: Partial<Sample> = {}): Sample {
  return { dtsTicks: 900_000, ptsTicks: 900_000, durationTicks: 3000, sync: false, data, ...change };
}

function body(pes: Pes | undefined): string {
  assert.ok(pes !== undefined);
  const target = new Uint8Array(pes.bodyBytes + 4).fill(0xee);
  pes.writeBody(target, 2);
  assert.deepEqual([...target.subarray(0, 2), ...target.subarray(-2)], [0xee, 0xee, 0xee, 0xee]);
  return Buffer.from(target.subarray(2, -2)).toString('hex');
}

function mux(data: Uint8Array, change: Partial<Sample> = {}, avc = config()): Pes | undefined {
  return videoPes([sample(data, change)], { pid: 256, timescale: 90_000, config: avc }).units[0];
}

const PARAMETERS = START + SPS_IN_ORDER.toString('hex') + START + Buffer.from(PPS).toString('hex');

test('a frame gets a delimiter and start codes, whatever the length prefix', () => {
  for (const lengthSize of [1, 2, 4]) {
    const data = nals(lengthSize, [6, 1, 2], [0x41, 9, 8, 7]);
    assert.equal(body(mux(data, {}, config({ lengthSize }))), `${AUD}${START}060102${START}41090807`);
  }
});

test('parameter sets go in front of a frame that decoding can start with', () => {
  assert.equal(body(mux(nals(4, [0x65, 1]), { sync: true })), `${AUD}${PARAMETERS}${START}6501`);
  assert.equal(body(mux(nals(4, [0x65, 1]))), `${AUD}${PARAMETERS}${START}6501`);
  assert.equal(body(mux(nals(4, [0x41, 1]), { sync: true })), `${AUD}${PARAMETERS}${START}4101`);
  assert.equal(mux(nals(4, [0x65, 1]))?.randomAccess, true);
  assert.equal(mux(nals(4, [0x41, 1]))?.randomAccess, false);
});

test('parameter sets in the frame itself are not doubled', () => {
  assert.equal(body(mux(nals(4, [0x67, 1], [0x68, 2], [0x65, 3]))), `${AUD}${START}6701${START}6802${START}6503`);
  assert.equal(body(mux(nals(4, [0x68, 2], [0x65, 3]))), `${AUD}${PARAMETERS}${START}6802${START}6503`);
});

test("a frame's own delimiter gives way to ours", () => {
  assert.equal(body(mux(nals(4, [9, 0x10], [0x41, 1]))), `${AUD}${START}4101`);
});

test('without reordering decode and presentation times agree', () => {
  const pes = mux(nals(4, [0x65, 1]));
  assert.deepEqual([pes?.dtsTicks, pes?.ptsTicks], [900_000, 900_000]);
});

test('with reordering decode times lead by a constant that the parameter set says', () => {
  const avc = config({ sps: [SPS_REORDERED] });
  const samples = [0, 9003, -3000, -6003].map((offset, index) =>
    sample(nals(4, [0x41, 1]), { dtsTicks: 900_000 + index * 3003, ptsTicks: 900_000 + index * 3003 + offset }),
  );
  for (const first of [0, 1]) {
    const { units } = videoPes(samples.slice(first), { pid: 256, timescale: 90_000, config: avc });
    assert.deepEqual(
      units.map((unit) => unit.dtsTicks),
      samples.slice(first).map(({ dtsTicks }) => dtsTicks - 6006),
    );
    assert.ok(units.every((unit) => unit.dtsTicks <= unit.ptsTicks));
  }
});

/** Segments decoded I P B b b and shown I b B b P: two frames are decoded ahead of one that is shown before them. */
function reorderedRuns(sps: Uint8Array, durations: readonly number[], lateTicks = 0): PesRun[] {
  const avc = config({ sps: [sps] });
  let startTicks = 900_000;
  return durations.map((durationTicks) => {
    const samples = [0, 4, 2, 1, 3].map((shown, index) =>
      sample(nals(4, [0x41, 1]), {
        dtsTicks: startTicks + lateTicks + index * durationTicks,
        ptsTicks: startTicks + shown * durationTicks,
        durationTicks,
      }),
    );
    startTicks += samples.length * durationTicks;
    return videoPes(samples, { pid: 256, timescale: 90_000, config: avc });
  });
}

function assertInOrder(runs: readonly PesRun[]): void {
  const units = runs.flatMap((run) => run.units);
  const times = units.map((unit) => unit.dtsTicks);
  assert.ok(
    times.every((time, index) => index === 0 || time > (times[index - 1] as number)),
    times.join(),
  );
  assert.ok(units.every((unit) => unit.dtsTicks <= unit.ptsTicks));
}

test('without a fixed frame rate, decode times go up over joins whatever the steps', () => {
  const clocks = [{}, { clockRate: [1000, 1] }, { clockRate: [5, 1] }, { clockRate: [1, 60] }] as const;
  for (const [clock, lateTicks] of clocks.flatMap((each) => [[each, 0] as const, [each, 30_000] as const])) {
    const runs = reorderedRuns(reordered(clock), [750, 18_000, 3000, 90_000, 1500, 1500], lateTicks);
    assertInOrder(runs);
    for (const [index, { endTicks }] of runs.slice(0, -1).entries()) {
      assert.equal(endTicks, runs[index + 1]?.units[0]?.dtsTicks);
    }
  }
});

test('slow frames are decoded when the one two before them is shown', () => {
  const [run] = reorderedRuns(reordered(), [90_000]);
  assert.deepEqual(
    run?.units.slice(1).map((unit) => unit.dtsTicks - 900_000),
    [-750, 0, 90_000, 180_000],
  );
});

test('slow frames are as far apart in decoding as in showing where the clock counts frames', () => {
  const runs = reorderedRuns(reordered({ clockRate: [5, 1] }), [18_000, 18_000]);
  const times = runs.flatMap(({ units }) => units.map(({ dtsTicks }) => dtsTicks));
  assert.deepEqual(
    times,
    times.map((_, index) => 900_000 - 36_000 + index * 18_000),
  );
});

test('at 240 frames a second decode times still go up', () => {
  assertInOrder(reorderedRuns(reordered({ frameRate: [240, 1] }), [375, 375, 375]));
});

test('decode times stay in order where the parameter set denies the reordering', () => {
  for (const durationTicks of [375, 3000, 90_000]) assertInOrder(reorderedRuns(SPS_IN_ORDER, [durationTicks]));
});

test('a frame shown earlier than the parameter set allows is decoded when it is shown', () => {
  const pes = mux(nals(4, [0x41, 1]), { ptsTicks: 900_000 - 1 });
  assert.deepEqual([pes?.dtsTicks, pes?.ptsTicks], [899_999, 899_999]);
});

test('a NAL unit that runs over its sample is an error', () => {
  assert.throws(
    () => mux(Uint8Array.of(0, 0, 0, 9, 0x41)),
    (error) => error instanceof MediaError && error.code === 'nal_length',
  );
});

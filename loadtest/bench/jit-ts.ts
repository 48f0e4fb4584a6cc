/** How fast CMAF becomes MPEG-TS: the work of an edge that nobody did before it. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeFragment } from '@headwater/media/mp4/fragment';
import { parseInit, writeInit } from '@headwater/media/mp4/init';
import { FragmentReader } from '@headwater/media/mp4/reader';
import { muxSegment, type TsInput } from '@headwater/media/ts/mux';
import { quantile } from '@headwater/test/fleet/quantile.ts';
import type { Figure, FigureResult } from './figure.ts';

const SECONDS = 4;
/** of 333 ms */
const PARTS = 12;
const VIDEO_BITS_PER_SECOND = 3_000_000;
const ROUNDS = 9;
const ROUND_MS = 500;

export const jitTs: Figure = {
  name: 'jit-ts',
  description: `muxSegment of ${SECONDS} s of 1280×720 at ${VIDEO_BITS_PER_SECOND / 1e6} Mb/s with AAC, CMAF in, one thread, ${ROUNDS} rounds of ${ROUND_MS} ms.`,
  run: () => Promise.resolve(measure()),
};

function measure(): FigureResult {
  const video = encode(['-f', 'lavfi', '-i', 'testsrc2=size=1280x720:rate=30,noise=alls=12:allf=t', ...videoCodec()]);
  const audio = encode([
    '-f',
    'lavfi',
    '-i',
    'anoisesrc=sample_rate=48000:amplitude=0.2',
    '-c:a',
    'aac',
    '-b:a',
    '128k',
  ]);
  const inBytes = video.segment.length + audio.segment.length;
  let outBytes = 0;
  const round = (lengthMs: number): number => {
    const startedMs = performance.now();
    let muxed = 0;
    while (performance.now() - startedMs < lengthMs) {
      outBytes = muxSegment({ video, audio }).length;
      muxed += 1;
    }
    return (muxed * inBytes) / ((performance.now() - startedMs) / 1000) / 1e9;
  };
  round(ROUND_MS);
  const rounds = Array.from({ length: ROUNDS }, () => round(ROUND_MS));
  const value = quantile(rounds, 0.5);
  const perSegmentMs = inBytes / value / 1e6;
  return {
    lines: [
      {
        what: 'CMAF in',
        value,
        unit: 'GB/s',
        bound: { least: 1 },
        note: `${inBytes} B → ${outBytes} B in ${perSegmentMs.toFixed(2)} ms; rounds ${quantile(rounds, 0).toFixed(2)}…${quantile(rounds, 1).toFixed(2)}`,
      },
    ],
  };
}

function videoCodec(): string[] {
  const bits = String(VIDEO_BITS_PER_SECOND);
  const rate = ['-b:v', bits, '-minrate', bits, '-maxrate', bits, '-bufsize', bits];
  return ['-pix_fmt', 'yuv420p', '-c:v', 'libx264', '-preset', 'veryfast', ...rate, '-g', '60', '-bf', '0'];
}

/** One track of real encoder output, cut by our own code into one CMAF segment, as an origin holds it. */
function encode(args: readonly string[]): TsInput {
  const directory = mkdtempSync(join(tmpdir(), 'headwater-jit-'));
  try {
    const file = join(directory, 'track.mp4');
    const shape = ['-movflags', '+cmaf+empty_moov+default_base_moof+frag_every_frame', '-f', 'mp4', '-y', file];
    execFileSync('ffmpeg', ['-v', 'error', ...args, '-t', String(SECONDS), ...shape]);
    const read = new FragmentReader().push(readFileSync(file));
    const init = read.find((item) => item.kind === 'init')?.init;
    if (init === undefined) throw new Error('ffmpeg wrote no header');
    const samples = read.flatMap((item) => (item.kind === 'fragment' ? item.fragment.samples : []));
    const parts = Array.from({ length: PARTS }, (_, index) => {
      const from = Math.floor((samples.length * index) / PARTS);
      const to = Math.floor((samples.length * (index + 1)) / PARTS);
      return writeFragment({ sequence: index + 1, trackId: init.trackId, samples: samples.slice(from, to) });
    });
    const segment = Buffer.concat(parts);
    return { init: parseInit(writeInit(init)), segment };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** What is in the media an edge serves, as an independent decoder (ffmpeg) sees it. */

import { spawn } from 'node:child_process';
import { FLASH } from '@headwater/cli/src/test-picture.ts';
import type { GrayFrame } from './clock-bar.ts';

const DRAWN_WIDTH = 1280;

/** A decoded frame and when it is to be shown, in seconds of the media's own time. */
export interface TimedFrame {
  readonly atS: number;
  readonly frame: GrayFrame;
}

/** What a command gave back. */
interface Output {
  readonly stdout: Buffer;
  readonly stderr: string;
}

/**
 * Runs a decoder on bytes.
 * @throws Error when it fails, or writes a line to stderr that `allowed` does not cover
 */
export async function run(command: string, args: readonly string[], input: Uint8Array): Promise<Output> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  // A decoder that has seen enough closes its input; the exit code tells whether that was an error.
  child.stdin.on('error', () => child.stdin.destroy());
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const output = { stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() };
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${output.stderr.slice(-2_000)}`);
  return output;
}

/** The lines of error that ffmpeg has about some media; none for good media. */
export async function decodeErrors(media: Uint8Array, args: readonly string[] = []): Promise<string> {
  const { stderr } = await run('ffmpeg', ['-v', 'error', '-i', 'pipe:0', ...args, '-f', 'null', '-'], media);
  return stderr;
}

/** Every video frame, in gray, with its time. With `share` only so much of it, from the top: the clock bar needs a tenth. */
export async function decodeFrames(media: Uint8Array, share = 1): Promise<TimedFrame[]> {
  const filters = `crop=iw:floor(ih*${share}/2)*2:0:0,showinfo`;
  const shown = ['-copyts', '-i', 'pipe:0', '-an', '-fps_mode', 'passthrough', '-vf', filters];
  const raw = ['-f', 'rawvideo', '-pix_fmt', 'gray', 'pipe:1'];
  const { stdout, stderr } = await run('ffmpeg', ['-hide_banner', '-nostats', '-v', 'info', ...shown, ...raw], media);
  const timeBase = /config in time_base: (\d+)\/(\d+)/.exec(stderr);
  const size = / s:(\d+)x(\d+) /.exec(stderr);
  if (timeBase === null || size === null) throw new Error(`no video was decoded: ${stderr.slice(-2_000)}`);
  const tickS = Number(timeBase[1]) / Number(timeBase[2]);
  const [width, height] = [Number(size[1]), Number(size[2])];
  const frames: TimedFrame[] = [];
  for (const match of stderr.matchAll(/ n: *(\d+) pts: *(-?\d+) /g)) {
    const start = Number(match[1]) * width * height;
    const pixels = stdout.subarray(start, start + width * height);
    frames.push({ atS: Number(match[2]) * tickS, frame: { width, height, pixels } });
  }
  return frames;
}

/** When flashes begin: the first frame of each. */
export function flashStarts(frames: readonly TimedFrame[]): number[] {
  const starts: number[] = [];
  let lit: boolean | undefined;
  for (const { atS, frame } of frames) {
    const scale = frame.width / DRAWN_WIDTH;
    const x = Math.floor((FLASH.x + FLASH.pixels / 2) * scale);
    const y = Math.floor((FLASH.y + FLASH.pixels / 2) * scale);
    const now = (frame.pixels[y * frame.width + x] ?? 0) > 128;
    if (now && lit === false) starts.push(atS);
    lit = now;
  }
  return starts;
}

const SAMPLE_RATE = 48_000;
const STEP_SAMPLES = 48;
const WINDOW_SAMPLES = 240;

/** A run of decoded sound, and when it is to be heard. */
interface SoundFrame {
  readonly atS: number;
  /** its first sample among all */
  readonly offset: number;
  readonly samples: number;
}

/** When beeps begin, to about 3 ms: where the power at the beep's pitch passes a quarter of its greatest. */
export async function beepStarts(media: Uint8Array): Promise<number[]> {
  const { frames, samples } = await decodeSound(media);
  const power = powerAt(samples, FLASH.beepHz);
  const threshold = power.reduce((most, value) => Math.max(most, value), 0) / 4;
  const starts: number[] = [];
  let sounding: boolean | undefined;
  for (const [index, value] of power.entries()) {
    const now = value > threshold;
    if (now && sounding === false) starts.push(timeOf(index * STEP_SAMPLES + WINDOW_SAMPLES / 2, frames));
    sounding = now;
  }
  return starts;
}

/** Every stretch in which the sound's own timestamps leave a hole, or overlap, by more than a sample. */
export async function soundBreaks(media: Uint8Array): Promise<{ readonly atS: number; readonly missingS: number }[]> {
  const { frames } = await decodeSound(media);
  return frames.slice(1).flatMap(({ atS }, index) => {
    const before = frames[index] as SoundFrame;
    const missingS = atS - (before.atS + before.samples / SAMPLE_RATE);
    return Math.abs(missingS) > 1.5 / SAMPLE_RATE ? [{ atS, missingS }] : [];
  });
}

async function decodeSound(media: Uint8Array): Promise<{ frames: SoundFrame[]; samples: Int16Array }> {
  const shown = ['-copyts', '-i', 'pipe:0', '-vn', '-af', 'ashowinfo', '-ac', '1', '-ar', String(SAMPLE_RATE)];
  const args = ['-hide_banner', '-nostats', '-v', 'info', ...shown, '-f', 's16le', 'pipe:1'];
  const { stdout, stderr } = await run('ffmpeg', args, media);
  const frames: SoundFrame[] = [];
  let offset = 0;
  for (const match of stderr.matchAll(/ n: *\d+ pts: *(-?\d+) .*?rate: *(\d+) nb_samples: *(\d+)/g)) {
    const samples = Number(match[3]);
    frames.push({ atS: Number(match[1]) / Number(match[2]), offset, samples });
    offset += samples;
  }
  if (frames.length === 0) throw new Error(`no sound was decoded: ${stderr.slice(-2_000)}`);
  const bytes = stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + (stdout.length & ~1));
  return { frames, samples: new Int16Array(bytes) };
}

function timeOf(sample: number, frames: readonly SoundFrame[]): number {
  const frame = frames.findLast(({ offset }) => offset <= sample) ?? frames[0];
  return frame === undefined ? Number.NaN : frame.atS + (sample - frame.offset) / SAMPLE_RATE;
}

/** The power of one pitch in each window: a single bin of the Fourier transform. */
function powerAt(samples: Int16Array, hertz: number): number[] {
  const turn = (2 * Math.PI * hertz) / SAMPLE_RATE;
  const powers: number[] = [];
  for (let start = 0; start + WINDOW_SAMPLES <= samples.length; start += STEP_SAMPLES) {
    let real = 0;
    let imaginary = 0;
    for (let index = 0; index < WINDOW_SAMPLES; index += 1) {
      const sample = samples[start + index] ?? 0;
      real += sample * Math.cos(turn * index);
      imaginary += sample * Math.sin(turn * index);
    }
    powers.push(real * real + imaginary * imaginary);
  }
  return powers;
}

/** The one place that knows fluent-ffmpeg: starts an encoder that reads FLV on stdin and writes to unix sockets. */

import { PassThrough } from 'node:stream';
import ffmpeg from 'fluent-ffmpeg';
import type { EncoderOutputs } from './ffmpeg-arguments.ts';

/** This much input may wait for the encoder before its publisher is told to stop. */
const INPUT_HIGH_WATER_BYTES = 1024 * 1024;
/** What is kept of stderr, to explain an end. */
const KEPT_LINES = 12;
const KEPT_LINE_CHARS = 300;

export interface FfmpegProcess {
  /** @returns false when the caller should wait for {@link FfmpegProcess.drained} */
  write(bytes: Uint8Array): boolean;
  /** It was given more than it has taken. */
  isFull(): boolean;
  /** Resolves when input is taken again, or the process is gone. */
  drained(): Promise<void>;
  /** Ends the input: the encoder writes out what it has and exits. */
  end(): void;
  kill(): void;
  readonly exited: Promise<FfmpegExit>;
}

export interface FfmpegExit {
  readonly clean: boolean;
  /** one line, with the end of what the process complained of */
  readonly reason: string;
}

interface FfmpegOptions {
  readonly path: string;
  readonly job: EncoderOutputs;
  readonly socketPath: (trackId: string) => string;
}

/** Starts the process; it runs from a moment later on. Never throws: a failure to start is an exit. */
export function startFfmpeg({ path, job, socketPath }: FfmpegOptions): FfmpegProcess {
  const input = new PassThrough({ highWaterMark: INPUT_HIGH_WATER_BYTES });
  const command = ffmpeg({ stdoutLines: KEPT_LINES });
  command.setFfmpegPath(path);
  command.input(input).inputOptions(['-hide_banner', '-loglevel', 'warning', '-nostats', ...job.inputOptions]);
  if (job.complexFilter !== null) command.complexFilter(job.complexFilter);
  for (const { trackId, options } of job.outputs) {
    command.output(`unix:${socketPath(trackId)}`).outputOptions([...options]);
  }
  const { promise: exited, resolve } = Promise.withResolvers<FfmpegExit>();
  let state: 'starting' | 'running' | 'killed' | 'gone' = 'starting';
  const finish = (exit: FfmpegExit): void => {
    state = 'gone';
    input.destroy();
    resolve(exit);
  };
  command.on('start', () => {
    // Before its start a process cannot be killed; a kill asked for since is done now.
    if (state === 'killed') command.kill('SIGKILL');
    else state = 'running';
  });
  command.on('end', () => finish({ clean: true, reason: 'end of input' }));
  command.on('error', (error: Error, _stdout: string | null, stderr: string | null) =>
    finish({ clean: false, reason: explain(error, stderr ?? '') }),
  );
  command.run();
  return {
    write: (bytes) => input.destroyed || input.write(bytes),
    isFull: () => input.writableNeedDrain,
    drained: () => drainedOrGone(input),
    end: () => void input.end(),
    kill() {
      if (state === 'running') command.kill('SIGKILL');
      else if (state === 'starting') state = 'killed';
    },
    exited,
  };
}

/**
 * Whether the encoder can be started and has what the ladder needs. Also fills fluent-ffmpeg's memory of capabilities, which
 * would otherwise delay the first stream.
 * @returns a complaint for the operator, or null
 */
export async function checkFfmpeg(path: string): Promise<string | null> {
  const command = ffmpeg();
  command.setFfmpegPath(path);
  const { promise, resolve } = Promise.withResolvers<string | null>();
  command.getAvailableFormats((error: Error | null, formats) => {
    if (error !== null) return resolve(`cannot run ${path}: ${error.message}`);
    if (formats['flv']?.canDemux !== true || formats['mp4']?.canMux !== true)
      return resolve(`${path} lacks FLV or MP4`);
    command.getAvailableEncoders((failure: Error | null, encoders) => {
      const missing = failure === null && ['libx264', 'aac'].find((name) => !(name in encoders));
      resolve(missing === undefined ? null : `${path} lacks the encoder ${missing === false ? 'list' : missing}`);
    });
  });
  return promise;
}

async function drainedOrGone(input: PassThrough): Promise<void> {
  if (!input.writableNeedDrain || input.destroyed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  input.once('drain', resolve).once('close', resolve);
  await promise;
  input.off('drain', resolve).off('close', resolve);
}

function explain(error: Error, stderr: string): string {
  const lines = stderr.split('\n').slice(-KEPT_LINES);
  const [summary = ''] = error.message.split('\n');
  return [summary, ...lines.map((line) => line.slice(0, KEPT_LINE_CHARS)).filter((line) => line.trim() !== '')].join(
    ' | ',
  );
}
